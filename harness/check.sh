#!/bin/bash
# Usage: check.sh BUILD [CHECK...]
# Look for mistakes that compile. Without a CHECK all of them run. Each prints what it finds
# in our files and in our changes; known-findings.txt has what is no mistake, with the
# reason. The logs are in BUILD/check.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$1" && pwd)
shift
linux=$build/linux
out=$build/check
all=(shell text mail kernel_doc uapi headers gcc layers clang coccinelle)
targets=(
	drivers/iommu/ drivers/vfio/ mm/file_pin.o arch/x86/kvm/../../../virt/kvm/vfio.o
	samples/vfio-mdev/ drivers/gpu/drm/i915/gvt/kvmgt.o
)

list_ours()
{
	sed 's/^[^ ]*  //' "$build/linux.manifest" | grep -E "$1"
}

kbuild()
{
	"$here/kbuild.sh" "$linux" "$@"
}

configure()
{
	"$here/config.sh" "$linux" "$1" "$here"/config/{base,users,check}.config
}

# compile NAME ARGUMENT...: what the compiler, and with C=2 sparse says; only ours is shown
compile()
{
	local name=$1

	shift
	configure "$out/$name"
	# What was compiled before would say nothing.
	find "$out/$name"/{drivers/{iommu,vfio},mm,samples} -name '*.o' -delete 2>/dev/null || true
	kbuild "$out/$name" "$@" "${targets[@]}" >"$out/$name.log" 2>&1 || {
		echo "$name: does not compile; see $out/$name.log"
		tail -n 5 "$out/$name.log"
	}
	"$here/check_ours.py" "$build" <"$out/$name.log"
}

check_shell()
{
	(cd "$here/.." && git ls-files -z --cached --others --exclude-standard -- harness .ci |
		xargs -0 grep -lE '^#!/bin/(ba)?sh|^# shellcheck shell' | xargs shellcheck -f gcc) || true
}

# Where each file belongs in MAINTAINERS, a patch of its own says.
check_mail()
{
	local mails=("$build"/series/0*.patch)

	cd "$linux"
	printf '%s\0' "${mails[@]:1}" | xargs -0 -n 4 -P "${JOBS:-$(nproc)}" scripts/checkpatch.pl \
		--strict --terse --no-summary --show-types --ignore FILE_PATH_CHANGES |
		sed "s|^$build/series/||" | sort || true
	cd "$OLDPWD"
}

# Verbose, it also misses return values.
check_kernel_doc()
{
	list_ours '^(drivers|include|mm)/.*\.[ch]$' | (cd "$linux" && xargs scripts/kernel-doc -v -none) 2>&1 |
		grep -v ': info: ' | "$here/check_ours.py" "$build"
}

# As the kernel does for its own, and with the compilers of other programs
check_uapi()
{
	local header standard language

	kbuild "$out/headers" headers >"$out/headers.log" 2>&1 || tail -n 5 "$out/headers.log"
	for header in linux/iommufd.h linux/vfio.h; do
		for standard in c90 c11 c++98 c++17; do
			language=${standard%%[0-9]*}
			printf '#include <%s>\n' "$header" "$header" |
				gcc -fsyntax-only -x "$language" -std="$standard" -Wall -Wextra \
					-I"$out/headers/usr/include" - 2>&1 |
				sed "s|^|$header as $standard: |"
		done
		perl "$linux/usr/include/headers_check.pl" "$out/headers/usr/include" x86 \
			"$out/headers/usr/include/$header" 2>&1
	done
}

# A module of our headers, one by one, each twice
check_headers()
{
	local header name
	local -a objects=()

	configure "$out/gcc"
	rm -rf "$out/alone"
	mkdir -p "$out/alone"
	while IFS= read -r header; do
		name=$(tr / _ <<<"${header%.h}")
		printf '#include "%s"\n#include "%s"\n' "$linux/$header" "$linux/$header" >"$out/alone/$name.c"
		printf 'obj-m += %s.o\n' "$name" >>"$out/alone/Kbuild"
		objects+=("$name.o")
	done < <(list_ours '^(drivers|include/linux)/.*\.h$')
	kbuild "$out/gcc" modules_prepare >"$out/alone.log" 2>&1 || tail -n 5 "$out/alone.log"
	kbuild "$out/gcc" -k M="$out/alone" W=1 "${objects[@]}" >"$out/alone.log" 2>&1 || true
	for name in "${objects[@]}"; do
		[ -e "$out/alone/$name" ] || echo "$name was not made; see $out/alone.log"
	done
	grep -E 'error:|warning:' "$out/alone.log" | grep -v 'Symbol info of vmlinux is missing' | sed "s|$linux/||" || true
}

# Of what gcc made
check_layers()
{
	[ -e "$out/gcc/drivers/iommu/iommufd/main.o" ] || compile gcc
	"$here/check_layers.py" "$build" "$out/gcc"
}

check_coccinelle()
{
	local folder

	for folder in drivers/iommu/iommufd drivers/vfio; do
		kbuild "$out/gcc" coccicheck MODE=report M="$linux/$folder" J="${JOBS:-$(nproc)}" 2>"$out/coccinelle.err" || true
	done | tee "$out/coccinelle.log" | "$here/check_ours.py" "$build"
}

run()
{
	case $1 in
	shell)	check_shell ;;
	text)	"$here/check_text.py" "$build" ;;
	mail)	check_mail ;;
	kernel_doc) check_kernel_doc ;;
	uapi)	check_uapi ;;
	headers) check_headers ;;
	gcc)	compile gcc W=1 C=2 CF=-Wno-decl ;;
	layers)	check_layers ;;
	clang)	compile clang LLVM=1 W=1 ;;
	coccinelle) check_coccinelle ;;
	*)	echo "no such check" ;;
	esac
}

# Lines of known-findings.txt are extended expressions; # begins a reason.
unknown()
{
	grep -vEf <(grep -vE '^(#|$)' "$here/known-findings.txt") || true
}

mkdir -p "$out"
[ $# -gt 0 ] || set -- "${all[@]}"
failed=0
for check; do
	begun=$SECONDS
	run "$check" >"$out/$check.found" 2>&1 || echo "$check ended with status $?" >>"$out/$check.found"
	unknown <"$out/$check.found" >"$out/$check.new"
	if [ -s "$out/$check.new" ]; then
		failed=1
		head -n 100 "$out/$check.new" | sed 's/^/  /'
	fi
	printf 'check: %-12s %d findings, %d of them known, %d s\n' "$check" "$(wc -l <"$out/$check.found")" \
		$(($(wc -l <"$out/$check.found") - $(wc -l <"$out/$check.new"))) $((SECONDS - begun))
done
exit "$failed"
