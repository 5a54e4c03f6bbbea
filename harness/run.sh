#!/bin/bash
# Usage: run.sh OUT KERNEL INITRAMFS
# Boot the guest, let the sample program of samples/iommufd use a device there, and show
# what it printed.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
out=$1

status=0
TIMEOUT=${TIMEOUT:-180} "$here/boot.sh" "$@" MODE=run || status=$?
[ "${DRY_RUN:-0}" != 1 ] || exit 0

splats=$("$here/console_filter.sh" "$out/console.log") || status=1
verdict=$(sed -n 's/^@@ end dma_to_user \([0-9]*\)\r*$/\1/p' "$out/verdict.log")

printf '\nguest# dma_to_user 0000:00:04.0\n\n'
sed -e '/^@@ end/d' -e 's/^/  /' "$out/verdict.log"
[ -z "$splats" ] || printf '\nsplat on the console:\n%s\n' "$splats"
printf '\nconsole: %s\n' "$out/console.log"

if [ "$status" -ne 0 ] || [ "$verdict" != 0 ]; then
	echo "run: FAILED (program: ${verdict:-no verdict}, guest: $status)"
	tail -n 5 "$out/console.log"
	exit 1
fi
echo "run: passed, $(sed -n 's/.*\(Linux version [^ ]*\).*/\1/p' "$out/console.log" | head -n 1)"
