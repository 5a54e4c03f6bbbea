#!/bin/bash
# Usage: judge.sh CONSOLE VERDICT...
# Judge a test run: one line for each program, the failed cases, then "N passed, M
# failed, K skipped". Exit status 1 when anything failed.
#
# Each VERDICT has what programs printed (TAP), between the marks of the one who ran
# them:
#	@@ begin NAME
#	@@ end NAME STATUS
#	@@ bad TEXT		a finding that is no program's: a leak, a taint
#	@@ done			the last line; without it there is no verdict
# A program that gives no result, fewer results than its plan, or a failing exit status
# without a failed case counts as one failed case. So does each of: a splat on the
# console, a finding, a missing end.
set -euo pipefail

console=$1
shift
here=$(cd "$(dirname "$0")" && pwd)

splats=$("$here/console_filter.sh" "$console") || true
[ -z "$splats" ] || printf 'splat on the console (%s):\n%s\n' "$console" "$splats"

LC_ALL=C awk -v splat="${splats:+1}" '
	function count_failure(what) {
		failed++
		failures = failures "  " what "\n"
	}
	function finish_program(status) {
		if (plan != "" && ok + bad + skip < plan)
			count_failure(name ": " ok + bad + skip " results, " plan " were planned")
		else if (ok + bad + skip == 0 && !skip_all)
			count_failure(name ": no result, exit status " status)
		else if (status != 0 && status != 4 && bad == 0)
			count_failure(name ": exit status " status)
		if (skip_all && ok + bad + skip == 0)
			skip = 1
		printf "%-4s  %-24s %d passed, %d failed, %d skipped\n",
			(failed > failed_before ? "FAIL" : ok ? "pass" : "skip"), name, ok, bad, skip
		passed += ok; skipped += skip
		name = ""
	}

	{ sub(/\r$/, "") }
	/^@@ begin / {
		if (name != "")
			count_failure(name ": did not end")
		name = $3; plan = ""; ok = bad = skip = skip_all = 0; failed_before = failed
		programs++
		next
	}
	/^@@ end / && $3 == name { finish_program($4); next }
	/^@@ bad / { count_failure(substr($0, 8)); next }
	/^@@ done$/ { complete[FILENAME] = 1; next }
	name == "" { next }
	/^1\.\.0 # *SKIP/ { skip_all = 1; next }
	/^1\.\.[0-9]+/ { plan = substr($1, 4) + 0; next }
	/^not ok/ { bad++; count_failure(name ": " $0); next }
	/^ok .*# *SKIP/ { skip++; skips = skips "  " name ": " $0 "\n"; next }
	/^ok / { ok++ }

	END {
		if (name != "")
			count_failure(name ": did not end")
		for (i = 1; i < ARGC; i++)
			if (ARGV[i] !~ /=/ && !(ARGV[i] in complete))
				count_failure("no verdict: " ARGV[i] " is not complete")
		if (splat)
			count_failure("splat on the console")
		if (!programs)
			count_failure("nothing was run")
		if (skips != "")
			printf "skipped:\n%s", skips
		if (failures != "")
			printf "failed:\n%s", failures
		printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
		exit (failed > 0)
	}
' "$@"
