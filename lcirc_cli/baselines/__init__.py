"""What lcirc is compared with, written by train and read by bench. Knows neither of them."""
