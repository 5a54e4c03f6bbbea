#!/bin/bash
# Usage: kernel.sh NAME LINUX OBJDIR TARGET...
# Build TARGETs of the kernel source LINUX in OBJDIR, with a line of progress now and
# then. The output of make is in NAME.log beside OBJDIR; its end is shown when the build
# fails. JOBS=n sets how many compilers run at once.
set -euo pipefail

name=$1 linux=$2 objdir=$3
shift 3
log=$(dirname "$objdir")/$name.log
objdir=$(realpath "$objdir")

# A terminal gets one line that moves, a log file a line every so often.
if [ -t 1 ]; then
	start=$'\r' end='' every=1
else
	start='' end=$'\n' every=20
fi

count_objects()
{
	grep -cE '^  (CC|AS|LD|AR|HOSTCC) ' "$log" || true
}

progress()
{
	printf '%s%s: %s objects, %d s%s' "$start" "$name" "$(count_objects)" "$SECONDS" "$end"
}

"$(dirname "$0")/kbuild.sh" "$linux" "$objdir" "$@" >"$log" 2>&1 &
build=$!
# shellcheck disable=SC2064
trap "kill $build 2>/dev/null || true" EXIT

next=$every
while kill -0 "$build" 2>/dev/null; do
	sleep 0.5
	if [ "$SECONDS" -ge "$next" ]; then
		progress
		next=$((SECONDS + every))
	fi
done

if ! wait "$build"; then
	printf '%s%s: failed after %d s; the end of %s:\n' "$start" "$name" "$SECONDS" "$log" >&2
	grep -E 'error:|warning:|\*\*\*|undefined' "$log" | head -n 20 >&2 || true
	tail -n 15 "$log" >&2
	exit 1
fi
start=$'\r'; [ -t 1 ] || start=''
printf '%s%s: done, %s objects in %d s\n' "$start" "$name" "$(count_objects)" "$SECONDS"
