"""The words that generated names are made of."""

BRANDS = (
    "토리든",
    "에스네이처",
    "셀퓨전씨",
    "토니모리",
    "에뛰드",
    "닥터지",
    "라운드랩",
    "아누아",
    "무신사 스탠다드",
    "오트리",
    "킨치",
    "풀무원",
)
PREFIXES = ("", "", "", "[6월 특가]", "[1+1]", "[단독/더블기획]", "[대용량+증정💕]", "[KF365]")
"""Promotions in front of a name; most names have none."""

KINDS = ("수분", "진정", "데일리", "베이식", "유기농", "저자극", "프리미엄", "어성초", "시카", "햇")
THINGS = (
    "크림",
    "세럼",
    "선크림 SPF50+/PA++++",
    "클렌징 폼",
    "니트",
    "슬랙스",
    "스니커즈",
    "푸퍼 재킷",
    "감자",
    "두부 & 콩나물",
)
SIZES = (
    "50ml",
    "100ml+40ml",
    "1.5kg",
    "[블랙]",
    "- 12 COLOR",
    "2팩",
    "(튜브형)",
    "1,2-헥산다이올 무첨가",
)
RENEWED = "(리뉴얼)"
"""At the end of the name of a renamed product."""
