#!/usr/bin/env bash
# Runs the Go micro-benchmarks of a revision and of the working tree, in turns so
# that a machine that grows hot or busy does so for both, and lets benchstat judge.
#
#   compare.sh REVISION [PATTERN]     COUNT=8 turns, BENCHTIME=0.3s each
set -euo pipefail

base=$1
pattern=${2:-.}
count=${COUNT:-8}
benchtime=${BENCHTIME:-0.3s}
root=$(git rev-parse --show-toplevel)
work=$(mktemp -d)

cleanup() {
	git -C "$root" worktree remove --force "$work/base" 2>/dev/null || true
	rm -rf "$work"
}
trap cleanup EXIT

git -C "$root" worktree add --quiet --detach "$work/base" "$base"

# Test programs are built once; only packages that have benchmarks in both take part.
has() { [ -d "$1/$2" ] && grep -qs '^func Benchmark' "$1/$2"/*_test.go; }
packages=()
for package in httphead splice proxy metrics; do
	if has "$root" "$package" && has "$work/base" "$package"; then
		packages+=("$package")
		for tree in "$root" "$work/base"; do
			name=new
			[ "$tree" = "$root" ] || name=old
			(cd "$tree" && go test -c -o "$work/$name.$package" "./$package")
		done
	fi
done
if [ ${#packages[@]} -eq 0 ]; then
	echo "no package has benchmarks in both $base and the working tree" >&2
	exit 1
fi

for ((turn = 0; turn < count; turn++)); do
	for package in "${packages[@]}"; do
		(cd "$work/base/$package" && "$work/old.$package" -test.run '^$' -test.bench "$pattern" -test.benchmem -test.benchtime "$benchtime") >>"$work/old.txt"
		(cd "$root/$package" && "$work/new.$package" -test.run '^$' -test.bench "$pattern" -test.benchmem -test.benchtime "$benchtime") >>"$work/new.txt"
	done
done
cd "$root/bench" && go tool benchstat "$base=$work/old.txt" "tree=$work/new.txt"
