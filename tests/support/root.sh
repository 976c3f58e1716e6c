#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Debian systems in folders below build/roots, for tests on other releases and in clean systems. They are made once, by
# mmdebstrap from the mirror this machine's apt uses, with the CAs this machine trusts, and made again when the list of
# packages changes.
#
#   root.sh possible               exit code 0, or 77 and a reason on standard output
#   root.sh make SUITE PACKAGE...  prints the folder of a root with these packages
#   root.sh run ROOT COMMAND...    in namespaces of its own: nothing mounted or started outlives the command
#   root.sh trial ROOT WORK COMMAND...   the same, changes landing in the folder WORK, which the caller removes
#
# ROOT_BINDS="FROM:TO ..." mounts folders, ROOT_ENV="NAME=VALUE ..." adds to the environment, which is empty otherwise,
# ROOT_NET=none leaves a loopback of its own as the only network.
set -u
cd "$(dirname "$0")/../.." || exit 1

possible() {
	if [ "$(id -u)" -ne 0 ] || ! unshare --mount --pid --fork true 2>/dev/null; then
		echo "needs root and mount namespaces"
	elif ! command -v mmdebstrap >/dev/null && ! DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install mmdebstrap >/dev/null 2>&1; then
		echo "mmdebstrap cannot be installed"
	elif [ -z "$(mirror)" ]; then
		echo "apt knows no mirror of Debian"
	else
		return 0
	fi
	return 77
}

# The mirror of this machine's own release, without its companions for updates and security.
mirror() {
	apt-get indextargets --format '$(COMPONENT) $(RELEASE) $(REPO_URI)' 'Created-By: Packages' |
		awk '$1 == "main" && $2 ~ /^[a-z]+$/ { print $3; exit }'
}

make() {
	local suite=$1 packages key dir options=()
	shift
	packages=$(tr -s ' ' ',' <<<"$*")
	key=$(sha256sum <<<"$suite $packages $(mirror)" | cut -c1-12)
	dir=$PWD/build/roots/$suite-$key
	mkdir -p build/roots
	exec 7>"$dir.lock"
	flock 7
	if [ ! -d "$dir" ]; then
		echo "  making a root of $suite: a minute or two" >&2
		rm -rf "$dir.new"
		apt-config dump | grep -iE '^Acquire::https?::Proxy' >"$dir.apt" && options+=("--aptopt=$dir.apt")
		# A mirror that stands still outlives what unstable says of itself; signatures are checked all the same.
		[ "$suite" != sid ] || options+=('--aptopt=Acquire::Check-Valid-Until "false"')
		mmdebstrap --mode=root --variant=minbase --format=directory "${options[@]}" ${packages:+"--include=$packages"} \
			--customize-hook='! cp -r /usr/local/share/ca-certificates "$1/usr/local/share" 2>/dev/null || [ ! -x "$1/usr/sbin/update-ca-certificates" ] || chroot "$1" update-ca-certificates' \
			"$suite" "$dir.new" "$(mirror)" >"$dir.log" 2>&1 7>&- && mv "$dir.new" "$dir" || { tail -20 "$dir.log" >&2; return 1; }
	fi
	echo "$dir"
}

run() {
	local net=()
	[ "${ROOT_NET:-}" != none ] || net=(--net)
	exec unshare --mount --pid --fork --kill-child --propagation private "${net[@]}" -- bash -c '
		set -e
		root=$1
		shift
		# A mount point, as programs that make namespaces of their own expect of /.
		mount --bind "$root" "$root"
		mount -t proc proc "$root/proc"
		mount -t sysfs sysfs "$root/sys"
		mount --rbind /dev "$root/dev"
		mount -t tmpfs tmpfs "$root/run"
		for file in /etc/resolv.conf /etc/hosts /etc/pip.conf; do
			[ ! -e "$file" ] || cp --remove-destination "$file" "$root$file"
		done
		for pair in ${ROOT_BINDS:-}; do
			mkdir -p "$root${pair#*:}"
			mount --bind "${pair%%:*}" "$root${pair#*:}"
		done
		[ "${ROOT_NET:-}" != none ] || ip link set lo up
		chroot "$root" /usr/bin/env -i HOME=/root LANG=C.UTF-8 TERM=dumb DEBIAN_FRONTEND=noninteractive \
			PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin ${ROOT_ENV:-} "$@" &
		wait $!' bash "$@"
}

trial() {
	local root=$1 work=$2
	shift 2
	command mkdir -p "$work/upper" "$work/work" "$work/merged"
	exec unshare --mount --propagation private -- bash -c '
		mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$2/merged" || exit 1
		merged=$2/merged
		shift 2
		exec tests/support/root.sh run "$merged" "$@"' bash "$root" "$(realpath "$work")" "$@"
}

case ${1:-} in
possible | make | run | trial) "$@" ;;
*) sed -n 's/^# \{0,1\}//p' "$0" | sed 1d >&2; exit 64 ;;
esac
