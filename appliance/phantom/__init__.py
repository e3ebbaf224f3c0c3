"""A phantom X-ray unit: believable radiographs made by numpy, and real C-STORE to send them."""
