// Puts load on franz-go: each record's promise is told of its outcome. It takes the arguments and prints the report of the Rust
// programs; see ../load.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	keys   = 65536
	keyLen = 16
)

type workload struct {
	bootstrap, topic, compression, settings, pool string
	warmup, records, rate                         int64
	size, partitions, senders, linger             int
	keyed                                         bool
}

type report struct {
	Settings   map[string]string `json:"settings"`
	Records    int64             `json:"records"`
	Seconds    float64           `json:"seconds"`
	CPUSeconds float64           `json:"cpu_seconds"`
	PeakKiB    int64             `json:"peak_kib"`
	Latency    *latency          `json:"latency"`
}

func main() {
	w := arguments()
	report, err := measure(w)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	line, err := json.Marshal(report)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(string(line))
}

func arguments() workload {
	var w workload
	flag.StringVar(&w.bootstrap, "bootstrap", "", "broker, HOST:PORT")
	flag.StringVar(&w.topic, "topic", "", "topic")
	flag.IntVar(&w.partitions, "partitions", 0, "the topic's partitions; unused")
	flag.Int64Var(&w.warmup, "warmup", 0, "records that are not measured")
	flag.Int64Var(&w.records, "records", 0, "records that are measured")
	flag.IntVar(&w.size, "size", 0, "bytes of a value")
	flag.BoolVar(&w.keyed, "keyed", false, "give records keys")
	flag.StringVar(&w.compression, "compression", "none", "codec")
	flag.IntVar(&w.senders, "senders", 1, "goroutines that send")
	flag.StringVar(&w.settings, "settings", "defaults", "defaults or best")
	flag.Int64Var(&w.rate, "rate", 0, "records per second; 0: as fast as possible")
	flag.IntVar(&w.linger, "linger-ms", -1, "replaces the linger of the settings")
	flag.StringVar(&w.pool, "pool", "", "text that values and keys are cut from")
	flag.Parse()
	return w
}

// All that franz-go is told. acks=all and idempotence are its defaults.
func options(w workload) ([]kgo.Opt, map[string]string, error) {
	codecs := map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(),
		"lz4":  kgo.Lz4Compression(),
		"zstd": kgo.ZstdCompression(),
		"gzip": kgo.GzipCompression(),
	}
	codec, ok := codecs[w.compression]
	if !ok {
		return nil, nil, fmt.Errorf("no codec %q", w.compression)
	}
	opts := []kgo.Opt{kgo.SeedBrokers(w.bootstrap), kgo.DefaultProduceTopic(w.topic), kgo.ProducerBatchCompression(codec)}
	told := map[string]string{"ProducerBatchCompression": w.compression}
	if w.settings == "best" {
		// As in its own benchmark: about 250 MiB of records; a batch's default limit is 1,000,012 bytes already.
		buffered := 250<<20/w.size + 1
		opts = append(opts, kgo.MaxBufferedRecords(buffered))
		told["MaxBufferedRecords"] = fmt.Sprint(buffered)
	}
	if w.linger >= 0 {
		opts = append(opts, kgo.ProducerLinger(time.Duration(w.linger)*time.Millisecond))
		told["ProducerLinger"] = fmt.Sprintf("%d ms", w.linger)
	}
	return opts, told, nil
}

func measure(w workload) (*report, error) {
	pool, err := os.ReadFile(w.pool)
	if err != nil {
		return nil, err
	}
	if w.size <= 0 || len(pool) < max(w.size, keys*keyLen) {
		return nil, fmt.Errorf("%s has %d bytes, too few for values of %d and for keys", w.pool, len(pool), w.size)
	}
	opts, told, err := options(w)
	if err != nil {
		return nil, err
	}
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	s := sender{workload: w, client: client, pool: pool}
	if _, err := s.sendAll(w.warmup); err != nil {
		return nil, err
	}
	s.latencies = s.latencies[:0]
	before, err := cpuSeconds()
	if err != nil {
		return nil, err
	}
	elapsed, err := s.sendAll(w.records)
	if err != nil {
		return nil, err
	}
	after, err := cpuSeconds()
	if err != nil {
		return nil, err
	}
	peak, err := peakKiB()
	if err != nil {
		return nil, err
	}
	return &report{
		Settings: told, Records: w.records, Seconds: elapsed.Seconds(),
		CPUSeconds: after - before, PeakKiB: peak, Latency: percentiles(s.latencies),
	}, nil
}

type sender struct {
	workload
	client    *kgo.Client
	pool      []byte
	delivered atomic.Int64
	failed    atomic.Pointer[error]
	mu        sync.Mutex
	latencies []time.Duration
	spare     sync.Pool
}

// Returns once each record has an outcome; an error if one wasn't delivered.
func (s *sender) sendAll(records int64) (time.Duration, error) {
	s.delivered.Store(0)
	start := time.Now()
	var all sync.WaitGroup
	senders := int64(max(s.senders, 1))
	for i := range senders {
		all.Go(func() { s.send(records*i/senders, records*(i+1)/senders, start) })
	}
	all.Wait()
	if err := s.client.Flush(context.Background()); err != nil {
		return 0, err
	}
	elapsed := time.Since(start)
	if err := s.failed.Load(); err != nil {
		return 0, *err
	}
	if delivered := s.delivered.Load(); delivered != records {
		return 0, fmt.Errorf("of %d records %d were delivered", records, delivered)
	}
	return elapsed, nil
}

func (s *sender) send(from, to int64, start time.Time) {
	var interval time.Duration
	if s.rate > 0 {
		interval = time.Second * time.Duration(max(s.senders, 1)) / time.Duration(s.rate)
	}
	told := s.told
	for i := from; i < to; i++ {
		if interval > 0 {
			intended := start.Add(interval * time.Duration(i-from))
			sleepUntil(intended)
			told = func(r *kgo.Record, err error) { s.toldAfter(r, err, intended) }
		}
		s.client.Produce(context.Background(), s.record(i), told)
	}
}

// Records are reused once they are told of.
func (s *sender) record(i int64) *kgo.Record {
	record, ok := s.spare.Get().(*kgo.Record)
	if !ok {
		record = new(kgo.Record)
	}
	at := int(i%int64(len(s.pool)/s.size)) * s.size
	*record = kgo.Record{Value: s.pool[at : at+s.size]}
	if s.keyed {
		at := int(i%keys) * keyLen
		record.Key = s.pool[at : at+keyLen]
	}
	return record
}

func (s *sender) told(record *kgo.Record, err error) {
	if err != nil {
		s.failed.CompareAndSwap(nil, &err)
		return
	}
	s.delivered.Add(1)
	s.spare.Put(record)
}

func (s *sender) toldAfter(record *kgo.Record, err error, intended time.Time) {
	s.told(record, err)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.latencies = append(s.latencies, time.Since(intended))
}
