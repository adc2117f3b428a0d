"""Words that say nothing about what a call is about: function words and courtesies of the phone.

Single Han characters are not counted at all, so that none stands here.
"""

from __future__ import annotations

_CHINESE = """
我们 你们 他们 她们 它们 咱们 您们 大家 自己 别人 人家 某些 各位 这个 那个 这些 那些 这样 那样
这么 那么 这里 那里 这边 那边 这儿 那儿 这种 那种 哪个 哪些 哪里 哪儿 哪边 什么 怎么 怎样 怎么样
为什么 多少 几个 一个 一些 一点 一下 一直 一样 一般 一定 一起 一次 有点 有些 有的 没有 没事 不是
不会 不能 不用 不要 不行 不好 不到 不了 不过 不然 不同 不管 不如 可以 可能 可是 能够 应该 需要
必须 得到 知道 觉得 认为 感觉 看到 看看 听到 说话 说的 的话 就是 就是说 也是 还是 还有 还要 但是
但 而且 而是 因为 所以 如果 要是 虽然 然后 之后 之前 以后 以前 以及 或者 或是 并且 并不 而已
只是 只有 只能 只要 就会 就要 都是 都有 都会 已经 曾经 正在 现在 刚才 刚刚 马上 立刻 立即 今天
明天 昨天 后天 前天 今年 去年 明年 上午 下午 晚上 中午 早上 时候 时间 的时候 当时 那时 目前 最近
后来 后面 前面 上面 下面 里面 外面 对于 关于 由于 根据 按照 通过 为了 除了 比如 例如 包括 其实
其他 其它 其中 另外 此外 反正 毕竟 到底 究竟 居然 竟然 当然 肯定 确实 的确 真的 真是 好像 似乎
大概 大约 左右 差不多 特别 非常 比较 十分 相当 更加 越来越 最后 最好 首先 第一 第二 同时 一边
起来 出来 出去 进来 进去 过来 过去 上来 下来 下去 回来 回去 上去 东西 事情 问题 情况 方面 地方
样子 意思 部分 方式 是不是 有没有 能不能 可不可以 要不要 会不会 行不行 好不好 对不对 是吧 对吧
好吧 是吗 对吗 好吗 行吗 可以吗 好的 好了 是的 对的 行了 嗯嗯 哦哦 啊啊 对对 对对对 好好 好好好
是是 喂喂 哎呀 哈哈 嘿嘿 您好 你好 请问 谢谢 多谢 感谢 不客气 再见 拜拜 抱歉 不好意思 对不起
没关系 麻烦 稍等 请稍等 等一下 稍等一下 先生 女士 小姐 帮您 帮我 给您 给我 为您 跟您 跟我 和您
请您 让您 让我 您的 我的 你的 他的 她的 您这边 我这边 还有什么 还有其他 祝您 生活愉快 很高兴
高兴 服务 来电 致电 客服 工号 听得到 听不到 听见 听清 听清楚 没听清 明白 清楚 了解 理解 记得
要求 一会 一会儿 有什么 没什么 什么样 为止 进行 开始 继续 之间 以上 以下 以内 以外 来说 来讲
的人 本来 原来 突然 随时 总是 经常 有时 有时候 甚至 尤其 不仅 无论 即使 尽管 否则 何况 况且 于是
因此 从而 至于
"""

_ENGLISH = """
a about above after again all also am an and any anyway are aren't as at back be because been
before being below between both but by bye can can't cannot come could couldn't did didn't do
does doesn't doing don't down during each else even ever every few first for from further get
give go goes going gonna good got had hadn't has hasn't have haven't having he he's hello help
her here here's hers hi him his how how's i i'd i'll i'm i've if in into is isn't it it's its
just know last let let's like look made make many may maybe me mean might more most much must my
need never next no nope not now of off oh ok okay on one ones only or other our ours out over
own please quite really right said same say see she she's should shouldn't sir so some something
sorry still such sure take tell than thank thanks that that's the their theirs them then there
there's these they they're they've thing things think this those though through time to today
tomorrow too two uh um under until up us very want wanna was wasn't way we we'd we'll we're
we've well were weren't what what's when where which while who whom why will with won't would
wouldn't yeah yep yes yesterday yet you you'd you'll you're you've your yours ma'am madam mister
mr mrs ms hmm mhm huh ah alright gotta kind lot bit calling called speak speaking
"""

STOP_WORDS = frozenset([*_CHINESE.split(), *_ENGLISH.split()])
"""Case-folded."""
