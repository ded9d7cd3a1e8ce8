// Prints the partitions that sarama's partitioners by hash choose for the keys on standard input, one in hexadecimal a line:
// a line of numbers separated by spaces for each.
package main

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/IBM/sarama"
)

func main() {
	partitions, err := strconv.ParseInt(os.Args[1], 10, 32)
	exit(err)
	partitioners := []sarama.Partitioner{
		sarama.NewHashPartitioner("topic"),
		sarama.NewReferenceHashPartitioner("topic"),
	}
	chosen := make([][]string, len(partitioners))
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		key, err := hex.DecodeString(lines.Text())
		exit(err)
		for i, partitioner := range partitioners {
			message := &sarama.ProducerMessage{Key: sarama.ByteEncoder(key)}
			partition, err := partitioner.Partition(message, int32(partitions))
			exit(err)
			chosen[i] = append(chosen[i], strconv.Itoa(int(partition)))
		}
	}
	exit(lines.Err())
	for _, numbers := range chosen {
		fmt.Println(strings.Join(numbers, " "))
	}
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
