"""Words that decide whether a numeral is a value: measures, names of numbers, idioms.

Only words, as parts of regular expressions; the expressions are in `grammar`. A number that is
written wrongly because a word is missing is fixed here, with a case in the tests' table.
"""

from __future__ import annotations

WORDS_FROM_ONE = "定直些样起般共旦切致律会边下旁向再时半同概路经番系"
"""一 followed by one of these is the word 一定, 一直 … and not a numeral: 三点一定到."""

MEASURES = (
    "个名位人次天年月日号周点张条件份笔台部套单户家间层楼栋幢室章节项款种类批组届期级档度米斤克吨升公厘毫"
    "平寸尺亩兆倍折成岁通封箱盒袋瓶把辆只头本遍场趟句股支根片颗栏分秒小元块毛角夜晚集代轮站环排"
    "GgMmKkTt%"
)
"""First characters of measure words: before them 十 or a range is a count."""

ARTICLE_MEASURES = (
    "(?:[个次位年天月人条张份场斤件台户单度盒本套兆吨平升米袋瓶箱GMKgmk]|分钟|小时|公里|公斤)"
)
"""After an amount, 一 before one of these is an article: 三百一个月 is 300 a month."""

PRECISE_UNITS = (
    "(?:元(?![桥里催素音首旦化论及组区方函]|二次)|美元|美金|欧元|英镑|日元|港币|港元|人民币|"
    "公斤|千克|毫克|公里|千米|厘米|毫米|平米|平方|立方|公顷|毫升|摄氏度|"
    "兆(?!头)|[GgMmKkTt](?![A-Za-z])|千瓦|瓦(?![片房解])|伏特|安培|毫安|"
    "岁|号(?![召称])|折(?![腾磨叠断])|栋|幢|单元|楼)"
)
"""Before these even 一 is a figure: 一元, 一号, 一栋."""

COUNTED_UNITS = (
    "(?:个(?:半)?(?:月|小时|钟头|工作日|自然日|交易日|星期|礼拜|季度|百分点|[GgMmTt](?![A-Za-z])|兆|平方)|"
    "年(?![级头])|天(?![头地])|日|周(?![折到围密转])|小时|分钟|秒钟?|"
    "块|毛(?!病)|分钱|角钱|度|米(?![饭粉])|斤|"
    "倍(?![子体])|期|成(?![年员立熟功绩果就长本])|层|晚(?!上)|夜|核(?=[\\s，,零〇一二两三四五六七八九十百0-9的]|处理器|CPU))"
)
"""Before these 二 to 九 and 两 are figures; 一 is an article as often (一天, 一块) and stays."""

LOOSE_BEFORE_TWO = "这那过前后头近隔等明两几"
"""After one of these 两天, 两年 means "a few": 过两天."""

TAIL_MEASURES = (
    "[个名位人次天年月日号周点张条件份笔台部套单块元毛角折斤度米楼层岁期公小秒把辆只本遍场分根半"
    "GgMmKkTt幢晚夜栋倍成伏安瓦兆立平厘毫吨摄美欧英港]"
)
"""A digit after 块 that is followed by one of these counts something else: 五十块三个."""

HALVES_OF_DAY = (
    "(?<=上午|下午|中午|晚上|早上|早晨|凌晨|傍晚|清晨|夜里|半夜|晚间|午后|"
    "今晚|明晚|昨晚|当晚|今早|明早)"
)
DAYS = (
    "(?:(?<=[今明昨后前当每]天)|(?<=[号日])|(?<=周[一二三四五六日])|(?<=星期[一二三四五六日])|"
    "(?<=礼拜[一二三四五六日天]))"
)
"""Directly after these a clock time is likely."""

HOUR_BEFORE = "(?:(?<=现在)|(?<=现在是)|(?<=时间是)|(?<=会议)|(?<=开会)|(?<=航班)|(?<=火车))"
"""Directly after these 九点九分 is a clock time; elsewhere it is a mark of 9.9."""

BEFORE_POINTS = "有这那哪几下共"
AFTER_POINTS = "(?:建议|要求|原因|需要|说明|注意|问题|内容|意见|希望|理由|好处|[点儿水式论])"
"""With these before or after it, 三点 means three points, not a clock time."""

KEY_COMMANDS = (
    "(?:转(?![身速向])|返回|回到|重听|重复|进入|人工|查(?!七对)|办理|继续|确认|确定|取消|退出|结束|"
    "挂机|挂断|咨询|投诉|报修|报障|接通|播放|选择|请按)"
)
"""After 按 and a figure these state what the key does: 按一转人工."""

KEY_TOPICS = (
    "(?:个人(?:客户|用户|业务|账户|网银|贷款|会员)|集团|本人|本机|本地|小额|小微|家庭|家电|家具|"
    "分期|分机|分店|号码|单位|项目|套餐|台式|年费|年卡|年检|月租|月结|月付|夜间|晚间|位置|条款|款项|"
    "节目|代办|代缴|代理|支付|盒子|点播|点餐|级别|条码)"
)
"""Choices of a menu that begin like a measure word: 话费请按一套餐请按二."""

NO_KEYS = (
    f"(?!{KEY_TOPICS})(?:[{MEASURES}公]|{PRECISE_UNITS}|{COUNTED_UNITS})|"
    f"(?<=一)(?:[{WORDS_FROM_ONE}]|按(?![零一二三四五六七八九])|[步贯刀]|口价|对一|揽子|视同|事一议)|"
    "手(?![机续动工])|线(?![上下路])|等(?![待候])|大(?![额客众])|险(?!种)|包(?![裹月年])|流(?![量程水])|"
    "[舍比乘]"
)
"""After the figure of 按一般, 按三天, 按二手房: it is not a key."""

NAMES_OF_NUMBERS = (
    *("尾号", "卡号", "号码", "分机", "工号", "验证码", "区号"),
    *("编号", "房间", "房号", "单号", "位", "拨", "代码"),
)
"""After one of these (and 是, 为) even two digits are read out: 尾号三五."""

COUNTING_BEFORE = "(?:喊|唱|(?:^|(?<=[在来会先再能去您你我他她们家子起这那里，,。 ]))数)[着了过]?"
COUNTING_AFTER = (
    "[，,、 ]?(?:[上下]山|山上|马兰|我的朋友|木头人|老虎|[打捉抓]老虎|[打捉抓]松鼠|再来一|齐步)"
)
"""Before or after 一二三四五 these indicate a rhyme or counting aloud, not a number."""

IDIOMS = (
    # of digits one after the other
    "(?<![零〇一二三四五六七八九十百千万亿两幺0-9][，,、 ])七七八八",
    "[一二三四五六七八九]零[一二三四五六七八九](?=[落碎散])",
    "零七八碎|三六九等",
    # of large numbers
    "[一二两三四五六七八九十百千万]+(?=个(?:不(?:愿意|乐意|放心|同意|答应|满意|服)|放心))",
    "二百五(?![十块元])|(?<=正经)八百|三百六十行|一百单八将|百分百",
    "一千零一夜|一千道一万|一万(?=步说)|千万(?=[别不要记得])",
    "十万(?=火急|火速|八千里|大山|计)|[二两]万五千里",
    "九九八十一|三七二十一|三十(?=而立|六计|年河)|四十不惑|(?<=东)四十条|五十步笑|(?<=七老)八十",
    "七十二变|二十四(?=史|孝|节气)|二十八宿|十八(?=般|变|罗汉|层地|里店)|十二(?=指肠|生肖|属相)",
    "(?:十[一二三四五六七八九]|二十)大(?![类件家个概约])|十三[陵经]|十六进制",
    "十一(?=期间|假期|黄金|长假|放假|国庆|小长假|活动|大促)|十分(?![钟之钱])|十成(?=九|把握)|十里八乡",
    "十年(?=寒窗|磨|怕|如一日)|(?<=胜读)十年",
    # of figures with a unit
    r"[一二三四五六七八九十](?P<unit>[块天年毛])[一二三四五六七八九十](?P=unit)",
    "(?<=[朝早])[五六七八九十]晚[一二三四五六七八九十]+",
    "三天(?=两头|打鱼)|两天晒网|三年(?=五载|两载)|三日不见|一日三餐|七年之痒|三分钟热度",
    "一点一[滴横竖]|一分一[秒毫厘]|一[人户车机卡房]一[号码证卡价车]|一元一次",
    "一(?P<repeated>[^零〇一二三四五六七八九十百千万亿幺点0-9])一(?P=repeated)",
    "两点一线|一点半点|三层外三层|七折八扣|(?<=波)三折|(?<=砖)一瓦|一元复始|三元里",
    "八成(?=[是会要得没不就])|四周(?![内后前之以时左就还没了])|五月天|六月飞[雪霜]",
    "二月二(?![十号日])|三月三(?![十号日])|八月十五(?![号日])|一月一(?![号日])",
)
"""Idioms that a rule would otherwise treat as values; most (一心一意) need no entry."""

REPEATED_MEASURE = "一(?P<measure>[^零〇一二三四五六七八九幺0-9])(?P=measure)"
"""一栋栋, 一天天."""

WORDS_ENDING_IN_NUMERAL = (
    "(?<=[统唯逐单专其合归])一|(?<=之)一(?![一二三四五六七八九十百千万亿零〇])|"
    "(?<![0-9])万一(?![万千百])|"
    "(?<=初)一十五|(?<=初)[一二三四五六七八九十]|(?<=大年)三十|(?<=[正腊]月)[一二三四五六七八九十]+|"
    "(?<=农历)[一二三四五六七八九十]+月[一二三四五六七八九十]+|(?<=双)十[一二]"
)
"""统一, 万一, and festivals and days of the lunar calendar, which are printed in characters."""

WEEKDAYS = (
    "(?:(?<=星期)|(?<=礼拜)|(?<=周)(?<![零〇一两二三四五六七八九十百千万幺几0-9%‰]周))[一二三四五六日]"
    "(?:[一二三四五六日]+(?![零〇一二三四五六七八九十百点月号]))?"
)
"""星期五 and 周一三五; 一周三次 contains no weekday."""
