"""A report as a page of HTML, and as figures."""
