"""Parts of `benchmarks/ranks.py`: a day's crawl and its reading, each in a process of its own."""
