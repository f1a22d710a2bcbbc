"""`orion-like db …`: keeping the database."""
