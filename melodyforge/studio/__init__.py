"""The pages of the web app: widgets only; `melodyforge` does the work."""
