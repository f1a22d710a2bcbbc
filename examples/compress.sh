#!/usr/bin/env bash
# Find the options of gzip that make a text smallest: any program can be tuned, and its last line
# of output, in JSON, is its result. Run it with:
#
#   orion-like hunt -n compress --algorithm gridsearch ./examples/compress.sh \
#       level~'uniform(1, 9, discrete=True)' order~"choices(['rising', 'shuffled', 'reversed'])"
set -euo pipefail

for argument in "$@"; do
    case "$argument" in
        level=*) level=${argument#level=} ;;
        order=*) order=${argument#order=} ;;
        *) echo "unknown argument $argument" >&2; exit 2 ;;
    esac
done

case "$order" in
    rising) sorted=(cat) ;;
    reversed) sorted=(sort -rn) ;;
    shuffled) sorted=(awk '{ print ($1 * 7919) % 20011 }') ;;
    *) echo "unknown order $order" >&2; exit 2 ;;
esac

size=$(seq 1 20000 | "${sorted[@]}" | gzip "-$level" | wc -c)
echo "{\"objective\": $size}"
