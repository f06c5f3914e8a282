"""The words that names, titles and owners are made of. Sentences are those of `sandbox/tags/words.py`."""

REGIONS = (
    *(
        "강남",
        "홍대",
        "성수",
        "연남",
        "판교",
        "수원",
        "부천",
        "일산",
        "대전",
        "청라",
        "전주",
        "광안리",
    ),
    *("서면", "동성로", "춘천", "속초", "여수", "제주"),
)
TRADES = (
    "카페",
    "식당",
    "분식",
    "미용실",
    "한의원",
    "피부과",
    "필라테스",
    "꽃집",
    "공방",
    "베이커리",
)
NAME_BEGINNINGS = (
    *(
        "달빛",
        "온유",
        "소담",
        "푸른",
        "하늘",
        "봄날",
        "나무",
        "새벽",
        "오렌지",
        "모퉁이",
        "언덕",
        "바람",
    ),
    *("구름", "정든", "참", "다온", "늘품", "해오름"),
)
NAME_ENDINGS = ("정원", "상회", "살롱", "하우스", "공간", "마루", "연구소", "스튜디오", "당", "집")
TITLE_FRAMES = (
    "{q} 다녀온 후기",
    "{q} 추천 다섯 곳 비교",
    "주말에 찾은 {q} 솔직하게",
    "{q} 가격과 위치 정리",
    "요즘 많이 묻는 {q} 이야기",
    "{q} 처음이라면 알아둘 점",
    "내돈내산 {q} 기록",
    "{q} 예약 전에 확인할 것",
)
SYLLABLES = (
    *("ha", "na", "mi", "so", "yu", "ji", "bo", "da", "ru", "ki", "mo", "ga", "jin", "sun", "min"),
    *("hye", "dal", "byul", "kong", "tan"),
)
"""Of the ids of blogs and cafes."""

CAFE_KINDS = ("맘카페", "동호회", "정보나눔", "이웃모임", "수다방", "연구모임")
EXTERNAL_SITES = ("tistory.com", "brunch.co.kr", "postype.com")
"""Where blogs are that the blog tab shows although they are not Naver's."""
