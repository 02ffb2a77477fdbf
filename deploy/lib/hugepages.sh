# Hugepages of 2 MB: reserve what is wanted, and give back what we added. The caller defines say().
# shellcheck shell=bash

HUGEPAGES_DIR=/sys/kernel/mm/hugepages/hugepages-2048kB
HUGEPAGES_BEFORE= # what stood there, when we changed it

# Sees to it that WANTED pages are free. Says what there is; never fails: without, Penstock works on
# ordinary pages.
reserve_hugepages() {
	local wanted=$1 free total
	if [ ! -r $HUGEPAGES_DIR/nr_hugepages ]; then
		say "this kernel has no 2 MB hugepages: working on ordinary pages, slower"
		return 0
	fi
	free=$(cat $HUGEPAGES_DIR/free_hugepages)
	total=$(cat $HUGEPAGES_DIR/nr_hugepages)
	if [ "$free" -lt "$wanted" ]; then
		if echo $((total + wanted - free)) 2>/dev/null >$HUGEPAGES_DIR/nr_hugepages; then
			HUGEPAGES_BEFORE=$total
		fi
		free=$(cat $HUGEPAGES_DIR/free_hugepages)
	fi
	if [ "$free" -lt "$wanted" ]; then
		say "only $free of $wanted hugepages are free: working on ordinary pages, slower"
		restore_hugepages
	elif [ -n "$HUGEPAGES_BEFORE" ]; then
		say "reserved $((wanted * 2)) MB of hugepages"
	else
		say "using the hugepages that are reserved ($((free * 2)) MB free)"
	fi
}

restore_hugepages() {
	if [ -n "$HUGEPAGES_BEFORE" ]; then
		echo "$HUGEPAGES_BEFORE" 2>/dev/null >$HUGEPAGES_DIR/nr_hugepages || true
		HUGEPAGES_BEFORE=
	fi
}
