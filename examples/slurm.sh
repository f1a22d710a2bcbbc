#!/usr/bin/env bash
# Hunt on a cluster with Slurm that preempts jobs or ends them at their time limit: trials save
# checkpoints, the job goes back into the queue, and whoever runs next goes on from them. Submit it
# from this repository, as often as workers are wanted:
#
#   sbatch examples/slurm.sh
#
# Slurm sends SIGTERM to this script 120 seconds before the time limit (B: to the script alone), and
# to everything when it preempts the job; the time until SIGKILL is up to the cluster (GraceTime).
#SBATCH --job-name=perceptron
#SBATCH --cpus-per-task=1
#SBATCH --time=04:00:00
#SBATCH --signal=B:TERM@120
#SBATCH --requeue
#SBATCH --open-mode=append
set -uo pipefail

# The database and the working directory are where all nodes reach them: here, the directory from
# which the job was submitted. With many jobs, a MongoDB is the better --storage.
orion-like hunt -n perceptron --max-trials 30 --seed 1 --storage hunt.pkl --working-dir work \
    --grace 90s \
    python examples/perceptron.py \
    --units~'loguniform(8, 128, discrete=True)' \
    --lr~'loguniform(1e-4, 1e-1)' \
    --alpha~'loguniform(1e-6, 1e-1)' &
hunt=$!

# A shell handles a signal when what it waits for has ended, unless it waits by `wait`.
trap 'kill -TERM "$hunt"' TERM
wait "$hunt"
code=$?
while kill -0 "$hunt" 2> /dev/null; do # it was the signal that ended the first wait
    wait "$hunt"
    code=$?
done

if ((code == 143)); then # the hunt was told to end before it was done
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
