"""The report of a run for people: one HTML file with plots, made from the JSON beside it, and two runs compared."""
