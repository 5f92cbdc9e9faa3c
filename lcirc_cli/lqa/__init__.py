"""`lcirc make-lqa`: from long documents to checked question-answer pairs with evidence.

`run` knows all stages: `documents` are read, filtered and dealt out in shards, `pairs` are asked of
`models` and judged, and the `dataset` is written. Importing this package imports nothing else: the
libraries of the extra `lqa` are only needed by the modules that use them.
"""
