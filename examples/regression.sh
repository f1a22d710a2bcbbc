#!/usr/bin/env bash
# Fit a parabola to points by gradient descent, step by step, in a shell script: it reports its
# error, saves a checkpoint, goes on from the last one, and ends if a rule says that going on is no
# use. Run it with:
#
#   orion-like hunt -n regression --max-trials 20 --working-dir work --stopping halving \
#       ./examples/regression.sh --lr~'loguniform(1e-3, 1)' --momentum~'uniform(0, 0.95)'
#
# Interrupt it, or kill it, and start it again: trials go on where they were.
set -euo pipefail

steps=4 # of 50 passes over the points each
while (($#)); do
    case "$1" in
        --lr) lr=$2 ;;
        --momentum) momentum=$2 ;;
        *) echo "unknown option $1" >&2; exit 2 ;;
    esac
    shift 2
done

# A file with the three coefficients, their velocities, and the mean squared error.
state=$(mktemp)
trap 'rm -f "$state"' EXIT
step=0
echo 0 0 0 0 0 0 inf > "$state"
if checkpoint=$(orion-like checkpoints latest); then
    cp "$checkpoint/state.txt" "$state"
    step=$(orion-like checkpoints latest --step)
fi

while ((step < steps)); do
    step=$((step + 1))
    awk -v lr="$lr" -v momentum="$momentum" '{
        for (k = 0; k < 3; k++) { c[k] = $(k + 1); v[k] = $(k + 4) }
        for (pass = 1; pass <= 50; pass++) {
            g[0] = g[1] = g[2] = error = 0
            for (i = -10; i <= 10; i++) {
                x = i / 10
                r = c[0] + c[1] * x + c[2] * x * x - (1 - 2 * x + 3 * x * x)
                error += r * r / 21
                for (k = 0; k < 3; k++) g[k] += 2 * r * x ^ k / 21
            }
            for (k = 0; k < 3; k++) { v[k] = momentum * v[k] - lr * g[k]; c[k] += v[k] }
        }
        printf "%.17g %.17g %.17g %.17g %.17g %.17g %.17g\n", c[0], c[1], c[2], v[0], v[1], v[2], error
    }' "$state" > "$state.new"
    mv "$state.new" "$state"
    cp "$state" state.txt && orion-like checkpoints save state.txt --step "$step"
    orion-like report "$(cut -d ' ' -f 7 "$state")" --step "$step"
    if orion-like should-stop; then exit; fi
done
echo "{\"objective\": $(cut -d ' ' -f 7 "$state")}"
