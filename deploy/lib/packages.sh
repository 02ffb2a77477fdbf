# Debian packages, by what needs them; install_missing installs those that are not there. The caller
# defines say().
# shellcheck shell=bash disable=SC2034

PACKAGES_BUILD=(gcc libc6-dev meson ninja-build pkg-config
	libdpdk-dev libssl-dev libnuma-dev libcyaml-dev libyaml-dev libjansson-dev libcunit1-dev)
PACKAGES_QUICKSTART=(iproute2 ffmpeg python3)
PACKAGES_TEST=(clang clang-format clang-tidy llvm shellcheck procps)
PACKAGES_INTEGRATION=(iproute2 ethtool ffmpeg python3 python3-scapy nginx-light libnginx-mod-rtmp
	gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good
	gstreamer1.0-plugins-bad rtmpdump)

# Names of the given packages that are not installed.
missing_packages() {
	local name
	for name in "$@"; do
		if ! dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q 'ok installed$'; then
			echo "$name"
		fi
	done
}

# Installs what is missing; LOG gets apt's output. Starts no service and asks nothing.
install_missing() {
	local log=$1 missing
	shift
	mapfile -t missing < <(missing_packages "$@")
	if [ ${#missing[@]} -eq 0 ]; then
		return 0
	fi
	if [ "$(id -u)" -ne 0 ]; then
		echo "missing packages, and only root can install them: ${missing[*]}" >&2
		return 1
	fi
	say "installing ${missing[*]}"
	if ! { apt-get update && policy_no_services apt-get install -y --no-install-recommends \
		"${missing[@]}"; } >"$log" 2>&1; then
		echo "apt-get failed (log: $log): $(grep -m1 '^E:' "$log")" >&2
		return 1
	fi
}

# nginx is wanted as a program, not as a server on this machine's port 80.
policy_no_services() {
	local policy=/usr/sbin/policy-rc.d made=0 code=0
	if [ ! -e $policy ]; then
		printf '#!/bin/sh\nexit 101\n' >$policy && chmod 755 $policy && made=1
	fi
	DEBIAN_FRONTEND=noninteractive "$@" || code=$?
	if [ $made -eq 1 ]; then
		rm -f $policy
	fi
	return $code
}
