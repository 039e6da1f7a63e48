package conn

import "time"

// Defaults and limits, one constant each. [Options] overrides those that a
// program may have reasons to change.
const (
	// defaultReadLimit bounds a message that is held in memory, in bytes after
	// inflating: enough for nearly every protocol, little enough for 1,000 hostile
	// peers on a small machine.
	defaultReadLimit = 1 << 20

	// defaultMaxFragments is the lowest power of two that lets 4 MiB arrive in
	// fragments of 64 bytes and twice that.
	defaultMaxFragments = 131_072

	// defaultMinProgress is what an unfinished message must gain, in bytes, in any
	// progressWindow in which a read waits for it: under 35 bytes/s nobody is
	// honest.
	defaultMinProgress = 1 << 10
	progressWindow     = 30 * time.Second

	// defaultPingInterval of silence sends a Ping: shorter than the idle timeouts
	// of usual proxies (60 s). defaultPingTimeout more of it is death.
	defaultPingInterval = 30 * time.Second
	defaultPingTimeout  = 30 * time.Second

	// pongPatience bounds a Ping behind data that nobody reads.
	pongPatience = 30 * time.Second

	// defaultCloseTimeout bounds an ending: a round trip and a drained buffer.
	defaultCloseTimeout = 5 * time.Second

	// defaultWriteTimeout is how long a socket may take nothing at all before its
	// peer counts as gone.
	defaultWriteTimeout = 10 * time.Second

	// defaultFlushDelay is how long a written message may wait for others to go with
	// it, when the reader has more to answer: no peer notices that.
	defaultFlushDelay = 100 * time.Microsecond

	// defaultQueueBytes is what Post holds for one connection, in framed bytes.
	defaultQueueBytes = 256 << 10

	// wheelTick is how often a Wheel turns to its next slot, and wheelSlots of them
	// are a turn of 16 s; longer periods go round more than once.
	wheelTick  = 250 * time.Millisecond
	wheelSlots = 64

	// ticksPerInterval is how finely silence and progress are sampled: a Ping
	// leaves at most a quarter of PingInterval late.
	ticksPerInterval = 4

	// highWater is what may be committed and unsent before a Write waits for room.
	highWater = 64 << 10

	// letGoRounds bounds how often a Write sends what others committed meanwhile
	// before a flusher does: a Write must not work for others for ever.
	letGoRounds = 4

	// groupFrames is how many frames are committed behind a Write that has given way
	// before the one who commits gives way too, so that it comes back soon. For groupBytes
	// a call costs less than the copying, and nobody need give way.
	groupFrames = 8
	groupBytes  = 16 << 10

	// copyMax is the largest payload that is copied behind its header and so
	// committed at once; a larger one is sent from the caller's memory.
	copyMax = 16 << 10

	// fragmentSize is the payload of a Writer's frames, except the last: one frame
	// is one system call, and control frames pass between two of them.
	fragmentSize = 16 << 10

	// piece is how much a foreign net.Conn is given at a time: one TLS record,
	// so that the write timeout measures standing still and not size.
	piece = 16 << 10

	// sweepGap is how long the sweeper sleeps at least, so that a corked message waits for
	// FlushDelay and that at most, and sweepAtMost how long while nothing is corked for
	// less. After that without work it ends.
	sweepGap    = 200 * time.Microsecond
	sweepAtMost = 50 * time.Millisecond

	// shrinkAfter is how many buffers in a row must come half empty before the next
	// one is smaller.
	shrinkAfter = 16

	// lendInside is from which size on, in bytes, a message is lent where it lies in the
	// buffer of the stream: smaller ones are copied sooner than said to be there.
	lendInside = 256

	// pollLinger is how long a poller without sockets waits for the next one.
	pollLinger = 50 * time.Millisecond

	// pollBatch is how many events a poller takes from the system at a time.
	pollBatch = 128

	// One poller serves procsPerPoller processors, and there are maxPollers of them at
	// most: what its goroutine does for an event is a hundredth of what the message
	// costs.
	procsPerPoller = 8
	maxPollers     = 8

	// watchTick is how long a Receiver may take, and twice that at most, before another
	// goroutine goes on with the connections behind it. When overtakeMax of them have
	// done so in overtakeWindow ticks, Receivers run in a pool for poolTicks.
	watchTick      = time.Millisecond
	overtakeMax    = 4
	overtakeWindow = 64
	poolTicks      = 1000

	// maskStep is how much is copied and masked before the next part: it stays in
	// the first-level cache.
	maskStep = 16 << 10

	// maxPongs may be queued behind a socket that takes nothing; then the newest
	// one replaces the others (RFC 6455, section 5.5.3). Autobahn wants 10 in order.
	maxPongs = 16

	// defaultThreshold is the size in bytes from which on a message is compressed:
	// below it a frame is one packet in any case.
	defaultThreshold = 512

	// The largest window costs nothing where it is the pool's. Where each connection
	// keeps its own, 4 KiB give nearly all there is: messages of 1 KiB become 2 %
	// larger than with 32 KiB.
	maxWindowBits      = 15
	takeoverWindowBits = 12

	// ratioFree is what a message may inflate to before MaxRatio is asked, in bytes.
	ratioFree = 64 << 10

	// gatherMax is how much of a compressed message comes together before it is
	// inflated, in bytes: the working space of an inflater is 13 KiB, and who has not
	// sent as much shall not hold it.
	gatherMax = 16 << 10

	// packSlack is what a compressed message may be longer by, in bytes, beside one in
	// 256.
	packSlack = 16

	// compressorRest is after how long without a message, at most, a compressor with
	// takeover drops its tables: building them again costs some microseconds.
	compressorRest = 30 * time.Second

	// inflateSlack is what the fast loop of an inflater wants behind a message, in
	// bytes, so as not to move it.
	inflateSlack = 512

	// drainMax is what a closing server takes off the socket without waiting, so
	// that closing it sends no reset.
	drainMax = 256 << 10
)

// Options change how a connection behaves. A nil *Options works; in every field
// zero means the default and a negative number means off. A program may share
// one Options between connections and must not change it afterwards.
type Options struct {
	// ReadLimit bounds a message that Read, ReadAppend and Messages hold in memory,
	// in bytes after inflating. A larger one ends the connection with 1009.
	// Default 1 MiB.
	ReadLimit int64

	// StreamLimit bounds a message that is read through Reader, in bytes after
	// inflating. Default: none.
	StreamLimit int64

	// MaxFragments bounds the frames of one message. More of them end the
	// connection with 1009. Default 131,072.
	MaxFragments int

	// MinProgress is how many bytes must arrive in any 30 s in which a read waits
	// for the rest of a message; a slower peer is cut off. Default 1 KiB.
	MinProgress int

	// PingInterval of silence makes the connection send a Ping, and PingTimeout
	// more of it ends the connection. Silence counts only while somebody reads, and
	// not while a Write waits for the socket, which WriteTimeout judges. A
	// Ping leaves at most a quarter of PingInterval late. Default 30 s each.
	PingInterval time.Duration
	PingTimeout  time.Duration

	// CloseTimeout bounds every ending. It cannot be turned off. Default 5 s.
	CloseTimeout time.Duration

	// WriteTimeout is how long the socket may take nothing before writing ends.
	// It is not the length of a call: a slow peer that takes bytes goes on. On a
	// net.Conn that has no deadlines all of the connection ends. Default 10 s.
	WriteTimeout time.Duration

	// FlushDelay is how long what is written may wait, at most, to go to the socket
	// together with more: while complete frames of the peer are waiting to be read.
	// When they are read, or 64 KiB have come together, it goes at once. It is precise
	// to about 0.2 ms on Linux, and to 1 ms elsewhere and over TLS. Default 100 µs;
	// negative: every message goes at once.
	FlushDelay time.Duration

	// QueueBytes bounds what Post and PostPrepared hold, in framed bytes. Default
	// 256 KiB.
	QueueBytes int

	// TrustText turns off the check that outgoing text is UTF-8 (RFC 6455, section
	// 8.1). Set it only if every text comes from an encoder that makes nothing else.
	TrustText bool

	// Compression turns permessage-deflate on. Default: off.
	Compression *Compression

	// KeepNetConn leaves a TCP connection to Go's own poller. By default, on Linux, its
	// socket is taken over by one of ours when it is first read or written, which costs
	// less time and memory, and the net.Conn is closed: NetConn returns nil from the
	// beginning.
	KeepNetConn bool

	// OnEnd runs once when the connection has ended and its socket is closed, on a
	// goroutine of its own, with what Err returns. A panic in it is logged.
	OnEnd func(c *Conn, err error)
}

// Every reader of an option asks these, and no connection holds a copy: the defaults
// are filled in, and 0 means off.

func (o *Options) readLimit() int64   { return orDefault(o.ReadLimit, defaultReadLimit) }
func (o *Options) streamLimit() int64 { return orDefault(o.StreamLimit, 0) }
func (o *Options) maxFragments() int  { return orDefault(o.MaxFragments, defaultMaxFragments) }
func (o *Options) minProgress() int64 { return int64(orDefault(o.MinProgress, defaultMinProgress)) }
func (o *Options) queueBytes() int    { return orDefault(o.QueueBytes, defaultQueueBytes) }

func (o *Options) pingInterval() time.Duration { return orDefault(o.PingInterval, defaultPingInterval) }
func (o *Options) pingTimeout() time.Duration  { return orDefault(o.PingTimeout, defaultPingTimeout) }
func (o *Options) writeTimeout() time.Duration { return orDefault(o.WriteTimeout, defaultWriteTimeout) }
func (o *Options) flushDelay() time.Duration   { return orDefault(o.FlushDelay, defaultFlushDelay) }

// closeTimeout cannot be turned off.
func (o *Options) closeTimeout() time.Duration {
	if o.CloseTimeout <= 0 {
		return defaultCloseTimeout
	}
	return o.CloseTimeout
}

// noOptions stand for nil: all defaults.
var noOptions Options

func (o *Options) notNil() *Options {
	if o == nil {
		return &noOptions
	}
	return o
}

// orDefault reads an option: zero is the default, negative is off.
func orDefault[T int | int64 | time.Duration](v, def T) T {
	switch {
	case v == 0:
		return def
	case v < 0:
		return 0
	}
	return v
}
