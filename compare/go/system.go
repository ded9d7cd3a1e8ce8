package main

import (
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

type latency struct {
	P50  float64 `json:"p50_us"`
	P99  float64 `json:"p99_us"`
	P999 float64 `json:"p999_us"`
	Max  float64 `json:"max_us"`
}

func percentiles(latencies []time.Duration) *latency {
	if len(latencies) == 0 {
		return nil
	}
	slices.Sort(latencies)
	at := func(quantile float64) float64 {
		index := min(int(quantile*float64(len(latencies))), len(latencies)-1)
		return float64(latencies[index]) / float64(time.Microsecond)
	}
	return &latency{P50: at(0.5), P99: at(0.99), P999: at(0.999), Max: at(1)}
}

// User and system time of the process so far.
func cpuSeconds() (float64, error) {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0, err
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds(), nil
}

// The most memory that was ever resident.
func peakKiB() (int64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			return strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
		}
	}
	return 0, errors.New("/proc/self/status has no VmHWM")
}

// Go's own timers wait for whole milliseconds when nothing else is to do.
func sleepUntil(when time.Time) {
	if early := time.Until(when); early > 0 {
		spec := syscall.NsecToTimespec(int64(early))
		_ = syscall.Nanosleep(&spec, nil)
	}
}
