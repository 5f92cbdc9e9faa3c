"""`lcirc make-lqa`: from long documents to checked question-answer pairs with evidence.

The pipeline in the order of its stages: read and filter the documents (`inputs`, `prepare`),
remove duplicates (`stages`), choose places for the evidence (`spans`), ask a model for pairs
and check each one (`interview`), write shards and put them together (`shards`, `output`).
Importing this package imports nothing else: the libraries of the extra `lqa` are only needed
by the modules that use them.
"""
