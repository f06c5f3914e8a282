"""What the benchmark of products measures, part by part, and what it measures it with."""
