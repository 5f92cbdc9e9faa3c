"""Documents and questions as data: rows, form, Hub, scores. Knows no model and no command."""
