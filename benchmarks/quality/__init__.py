"""Compare how good the points are that algorithms find, ours and those of other packages."""
