"""Measures `edge`: benchmarks, recorded traffic, the dictionary trained from it. `edge` never imports it."""
