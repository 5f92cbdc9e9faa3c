"""`lcirc train`: from documents with questions to an adapter. Knows nothing about benchmarks."""
