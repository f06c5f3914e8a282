"""Naver's result pages on loopback: `python -m sandbox naver`.

Here are pages of results whose order drifts by day, the open API, their limits and faults on order, and the truth about
every keyword and day. What reads pages does not belong here: the sandbox knows their structure by itself.

    python -m sandbox naver --port 8090 --day 2026-11-21
    curl 'http://127.0.0.1:8090/search.naver?ssc=tab.blog.all&sm=tab_jum&query=강남+카페'
    curl 'http://127.0.0.1:8090/sandbox/truth?type=blog&keyword=강남+카페'
"""
