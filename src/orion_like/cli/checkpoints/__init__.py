"""`orion-like checkpoints`: looking at what trials have saved, and caring for it."""
