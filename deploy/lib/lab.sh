# A lab: a network namespace (or, with LAB_HOST=1, the host's own) with a TAP port in it, and
# processes that are stopped in reverse order. State stands in LAB_DIR, so that another process can
# stop a lab that was kept.
# shellcheck shell=bash disable=SC2034

LAB_ID=
LAB_DIR=
LAB_NETNS=
LAB_HOST=0
LAB_TAP=penstock0
LAB_EDGE4=198.18.0.2
LAB_EDGE6=fd00:198:18::2

lab_create() {
	LAB_ID=$$
	LAB_DIR=$(mktemp -d "/tmp/penstock-lab-$LAB_ID-XXXXXX") || return 1
	chmod 755 "$LAB_DIR" # control is not root
	mkdir "$LAB_DIR/log"
	: >"$LAB_DIR/pids"
	if [ "$LAB_HOST" -eq 1 ]; then
		lab_check_host || return 1
		return 0
	fi
	LAB_NETNS=penstock-lab-$LAB_ID
	if ! ip netns add "$LAB_NETNS" 2>"$LAB_DIR/log/netns"; then
		echo "cannot make a network namespace: $(cat "$LAB_DIR/log/netns")" >&2
		LAB_NETNS=
		return 1
	fi
	echo "$LAB_NETNS" >"$LAB_DIR/netns"
	ip -n "$LAB_NETNS" link set lo up
}

# The host's own namespace belongs to the user: we take nothing that is in use.
lab_check_host() {
	if ip link show "$LAB_TAP" >/dev/null 2>&1; then
		echo "the host already has an interface $LAB_TAP" >&2
		return 1
	fi
	if [ -n "$(ip route show root 198.18.0.0/15)" ]; then
		echo "the host already has a route to $(ip route show root 198.18.0.0/15 | head -1)" >&2
		return 1
	fi
}

# Runs a command in the lab's namespace.
lab_exec() {
	if [ -n "$LAB_NETNS" ]; then
		ip netns exec "$LAB_NETNS" "$@"
	else
		"$@"
	fi
}

# lab_start NAME COMMAND...: in the background, output to LAB_DIR/log/NAME; LAB_PID is its process.
lab_start() {
	local name=$1
	shift
	if [ -n "$LAB_NETNS" ]; then
		set -- ip netns exec "$LAB_NETNS" "$@"
	fi
	setsid "$@" </dev/null >"$LAB_DIR/log/$name" 2>&1 &
	LAB_PID=$!
	echo "$LAB_PID $(lab_started_at $LAB_PID) $name" >>"$LAB_DIR/pids"
}

# When a process began (field 22 of its stat): a pid alone may long be somebody else's.
lab_started_at() {
	sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20
}

lab_alive() {
	[ -n "$2" ] && [ "$(lab_started_at "$1")" = "$2" ] &&
		! grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null
}

lab_ended() {
	! lab_alive "$1" "$(lab_started_at "$1")"
}

# Name of the first process that was started and is no more; nothing when all are alive.
lab_dead() {
	local pid began name
	while read -r pid began name; do
		if ! lab_alive "$pid" "$began"; then
			echo "$name"
			return
		fi
	done <"$LAB_DIR/pids"
}

# lab_wait SECONDS WHAT COMMAND...: until the command succeeds.
lab_wait() {
	local left=$(($1 * 10)) what=$2
	shift 2
	until "$@" >/dev/null 2>&1; do
		left=$((left - 1))
		if [ $left -le 0 ]; then
			echo "waited in vain for $what" >&2
			return 1
		fi
		sleep 0.1
	done
}

lab_listens() {
	lab_exec ss -Hltn "sport = :$1" | grep -q .
}

# The kernel's side of the TAP port: the encoders' address. No route leads out of the lab.
lab_address() {
	local ip=(ip)
	if [ -n "$LAB_NETNS" ]; then
		ip=(ip -n "$LAB_NETNS")
	fi
	"${ip[@]}" addr add 198.18.0.1/24 dev "$LAB_TAP" &&
		{ "${ip[@]}" addr add fd00:198:18::1/64 dev "$LAB_TAP" nodad 2>/dev/null || true; } &&
		"${ip[@]}" link set "$LAB_TAP" up
}

# A TCP port of 127.0.0.1 that nobody listens on, from $1 upwards.
lab_free_port() {
	local port=$1
	while lab_listens "$port"; do
		port=$((port + 1))
	done
	echo "$port"
}

# Stops what the lab in DIR started, last first, each by SIGTERM and only then by SIGKILL, and removes
# its namespace. Returns non-zero when one had to be killed.
lab_stop() {
	local dir=$1 pid began name left code=0
	while read -r pid began name; do
		lab_alive "$pid" "$began" || continue
		kill -TERM "$pid" 2>/dev/null
		left=100
		while lab_alive "$pid" "$began" && [ $left -gt 0 ]; do
			sleep 0.1
			left=$((left - 1))
		done
		if lab_alive "$pid" "$began"; then
			kill -KILL "$pid" 2>/dev/null
			echo "$name did not end in time and was killed" >&2
			code=1
		fi
	done < <(tac "$dir/pids")
	if [ -s "$dir/netns" ]; then
		ip netns del "$(cat "$dir/netns")" 2>/dev/null || true
	fi
	return $code
}
