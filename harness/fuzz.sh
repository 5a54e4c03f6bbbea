#!/bin/bash
# Usage: fuzz.sh OUT KERNEL INITRAMFS
# Run programs made by chance in a guest (selftests/iommu/fuzz_test.c) for MINUTES, first those
# of the corpus: OUT/corpus.txt, which a former run left, or else the one in the initramfs. Of
# SEED another run follows. REPLAY=file runs the programs of that file only.
#
# OUT/corpus.txt has then what is worth keeping, OUT/found.txt the programs that found something:
# as it was found, then reduced. Of a guest that did not end it is the one that ran last.
set -euo pipefail

out=$1 kernel=$2 initramfs=$3
here=$(cd "$(dirname "$0")" && pwd)
seconds=$((${MINUTES:-10} * 60))
parameters=(MODE=test ONLY=fuzz: FUZZ_SECONDS="$seconds" kasan_multi_shot page_poison=on)
[ -z "${SEED:-}" ] || parameters+=(FUZZ_SEED="$SEED")

if [ "${DRY_RUN:-0}" = 1 ]; then
	exec "$here/boot.sh" "$out" "$kernel" "$initramfs" "${parameters[@]}"
fi

# add_file FILE NAME: the kernel unpacks one archive behind the other.
add_file()
{
	rm -rf "$out/add"
	mkdir -p "$out/add/fuzz"
	cp "$1" "$out/add/fuzz/$2"
	(cd "$out/add" && find . | cpio --quiet -o -H newc -R 0:0) >>"$out/fuzz.cpio"
}

# The programs that have a mark, without it; an empty line is between two of them.
programs_marked()
{
	tr -d '\r' <"$out/verdict.log" | sed -n "s/^$1 \\{0,1\\}//p"
}

# Each is told before it is run.
last_program()
{
	programs_marked '>' | awk -v RS= 'END { print }'
}

mkdir -p "$out"
cp "$initramfs" "$out/fuzz.cpio"
if [ -n "${REPLAY:-}" ]; then
	add_file "$REPLAY" replay.txt
	parameters+=(FUZZ_REPLAY=/fuzz/replay.txt)
elif [ -e "$out/corpus.txt" ]; then
	add_file "$out/corpus.txt" corpus.txt
	parameters+=(FUZZ_CORPUS=/fuzz/corpus.txt)
fi

# What is found takes time to be reduced.
TIMEOUT=${TIMEOUT:-$((seconds + 1800))} "$here/boot.sh" "$out" "$kernel" "$out/fuzz.cpio" \
	"${parameters[@]}" PROGRAM_SECONDS="$((seconds + 1500))" || true
touch "$out/verdict.log" "$out/console.log"
[ -n "${REPLAY:-}" ] || programs_marked '+' >"$out/corpus.new"
programs_marked '!' >"$out/found.txt"
grep -q '^@@ done' "$out/verdict.log" || last_program >>"$out/found.txt"
# A run that was ended early has not been through the old ones.
if [ -s "$out/corpus.new" ]; then
	[ ! -e "$out/corpus.txt" ] || grep -q '^ok 1 ' "$out/verdict.log" ||
		cat "$out/corpus.txt" >>"$out/corpus.new"
	mv "$out/corpus.new" "$out/corpus.txt"
fi

if [ -n "${REPLAY:-}" ]; then
	grep -a '^[>#]' "$out/verdict.log" || true
else
	grep -a '^# FUZZ_SEED=\|^# [0-9]* programs' "$out/verdict.log" || true
fi
[ ! -s "$out/found.txt" ] || { echo "found, $out/found.txt:"; cat "$out/found.txt"; }
exec "$here/judge.sh" "$out/console.log" "$out/verdict.log"
