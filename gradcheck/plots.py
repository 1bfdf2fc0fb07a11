"""Reports as figures of matplotlib; see `GradientReport.plot`."""
