"""What a trained run is judged by: the figures of dcign.metrics, each put to a data set's codes."""
