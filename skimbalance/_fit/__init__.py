"""What a fit is made of, in NumPy: what travels from the parameters to the fitted state."""
