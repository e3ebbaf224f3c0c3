"""DICOM web services (PS3.18): resources for others, and the client to a destination."""
