#!/bin/bash
# Usage: setup.sh [LIST]
# Install the Debian packages named in LIST (packages.txt) that are missing. Without
# root rights, say which they are and fail.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)

list_missing()
{
	local package

	while read -r package; do
		dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null |
			grep -qx installed || printf '%s\n' "$package"
	done <"$here/${1:-packages.txt}"
}

mapfile -t missing < <(list_missing "$@")
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
	echo "setup: these packages are missing; install them as root:" >&2
	echo "  apt-get install --no-install-recommends ${missing[*]}" >&2
	exit 1
fi

export DEBIAN_FRONTEND=noninteractive
echo "setup: installing ${missing[*]}"
# Always: lists that are old or lack a suite would bring an older kernel source, if any.
apt-get update -qq || echo "setup: apt-get update failed; using the lists that are there" >&2
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
echo "setup: done"
