"""What a step is shown: documents, questions and windows as tokens. Knows no losses."""
