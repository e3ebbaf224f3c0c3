"""The vendor's service: enrols boxes, keeps their settings, hears how they are, helps, updates and retires them."""
