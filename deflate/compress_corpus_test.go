package deflate

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
)

// The corpus: generators of messages that look like those of real programs. All
// are deterministic.

var (
	englishWords = strings.Fields(`the of and to in is that it was for on are with as his they be at one have this from or
		had by hot word but what some we can out other were all there when up use your how said an each she which do their
		time if will way about many then them write would like so these her long make thing see him two has look more day
		could go come did number sound no most people my over know water than call first who may down side been now find
		head stand own page should country found answer school grow study still learn plant cover food sun four between
		state keep eye never last let thought city tree cross farm hard start might story saw far sea draw left late run
		while press close night real life few north open seem together next white children begin got walk example ease
		paper group always music those both mark often letter until mile river car feet care second book carry took science`)
	chineseWords = strings.Fields(`我们 可以 一个 没有 他们 什么 时间 问题 现在 自己 知道 如果 因为 工作 中国 大家 这样 已经 还是 开始
		公司 系统 数据 用户 消息 连接 服务 网络 发送 接收 错误 状态 更新 登录 价格 订单 支付 城市 天气 今天 明天 朋友 家庭 学生 老师
		学校 经济 社会 发展 世界 生活 文化 历史 技术 科学 研究 方法 重要 不同 使用 需要 关于 进行 通过 以及 其中 但是 所以 非常`)
	firstNames = strings.Fields(`Anna Boris Chen Dalia Emeka Farah Goran Hana Ivan Jun Kofi Lena Mateo Nadia Omar Priya Quinn Rosa Sven Tariq`)
	symbols    = strings.Fields(`BTC-USD ETH-USD SOL-EUR ADA-USD XRP-GBP DOGE-USD LTC-EUR DOT-USD AVAX-USD LINK-EUR`)
)

// jsonMessage is one message of a stream of similar ones, of about size bytes.
func jsonMessage(r *rand.Rand, seq, size int) []byte {
	b := fmt.Appendf(nil, `{"type":"update","seq":%d,"ts":%d,"channel":"market.%s","data":[`, seq, 1700000000000+int64(seq)*137+int64(r.IntN(97)), strings.ToLower(symbols[r.IntN(len(symbols))]))
	for i := 0; ; i++ {
		item := fmt.Sprintf(`{"id":"%08x","user":"%s","symbol":"%s","price":%d.%02d,"qty":%.3f,"side":"%s","active":%t}`,
			r.Uint32(), firstNames[r.IntN(len(firstNames))], symbols[r.IntN(len(symbols))], 100+r.IntN(60000), r.IntN(100), r.Float64()*10,
			[]string{"buy", "sell"}[r.IntN(2)], r.IntN(4) > 0)
		if i > 0 {
			item = "," + item
		}
		if i > 0 && len(b)+len(item)/2 > size {
			return append(b, "]}"...)
		}
		b = append(b, item...)
	}
}

// words draws words by a rule like that of natural language: few are frequent.
func words(r *rand.Rand, list []string, sep string, size int) []byte {
	var b []byte
	for len(b) < size {
		w := list[int(float64(len(list))*r.Float64()*r.Float64())]
		b = append(b, w...)
		switch n := r.IntN(60); {
		case n < 5:
			b = append(b, ',')
		case n < 8:
			b = append(b, '.')
		case n == 8:
			b = append(b, '\n')
		case n < 30 && sep == " ": // a word of its own, of letters as they fall
			b = append(b, sep...)
			for range 3 + r.IntN(8) {
				b = append(b, "etaoinshrdlucmfwypvbgkjqxz"[int(26*r.Float64()*r.Float64())])
			}
		}
		b = append(b, sep...)
	}
	return b[:size]
}

func textMessage(r *rand.Rand, size int) []byte    { return words(r, englishWords, " ", size) }
func chineseMessage(r *rand.Rand, size int) []byte { return words(r, chineseWords, "", size) }

// binaryMessage looks like records in a tagged binary format.
func binaryMessage(r *rand.Rand, size int) []byte {
	var b []byte
	for id := uint64(r.IntN(1 << 20)); len(b) < size; id++ {
		b = append(b, 0x08)
		b = binary.AppendUvarint(b, id)
		b = append(b, 0x12, byte(4+r.IntN(3)))
		b = append(b, firstNames[r.IntN(len(firstNames))]...)
		b = append(b, 0x1d)
		b = binary.LittleEndian.AppendUint32(b, uint32(r.IntN(100000)))
		b = append(b, 0x21)
		b = binary.LittleEndian.AppendUint64(b, 0x3ff0000000000000+r.Uint64N(1<<40))
		b = append(b, 0x28, byte(r.IntN(5)))
	}
	return b[:size]
}

func randomMessage(r *rand.Rand, size int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// A kind of message, and a function that makes the seq-th of them.
type kind struct {
	name string
	make func(r *rand.Rand, seq, size int) []byte
}

var kinds = []kind{
	{"json", jsonMessage},
	{"text", func(r *rand.Rand, _, size int) []byte { return textMessage(r, size) }},
	{"chinese", func(r *rand.Rand, _, size int) []byte { return chineseMessage(r, size) }},
	{"binary", func(r *rand.Rand, _, size int) []byte { return binaryMessage(r, size) }},
	{"random", func(r *rand.Rand, _, size int) []byte { return randomMessage(r, size) }},
	{"zeros", func(_ *rand.Rand, _, size int) []byte { return make([]byte, size) }},
}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0x7469646577697265)) }
