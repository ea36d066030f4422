"""The circle problem of the data re-uploading paper."""
