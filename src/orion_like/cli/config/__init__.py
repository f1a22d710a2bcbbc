"""`orion-like config …`: what is configured."""
