"""`lcirc bench`: systems asked the questions of benchmarks, and a report. Trains nothing."""
