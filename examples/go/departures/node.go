package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	ponos "github.com/ponos-dev/ponos-go"
)

// late is from how many minutes a flight counts as late; flying how many are under way to the engine at once.
const (
	late   = 15
	flying = 32
)

type flight struct {
	time   string
	delay  int64
	origin string
}

func readFlights(folder string) ([]flight, error) {
	file, err := os.Open(filepath.Join(folder, "flights-2001q1.csv"))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		return nil, err
	}
	flights := make([]flight, 0, len(rows))
	for _, row := range rows[1:] {
		delay, err := strconv.ParseInt(row[1], 10, 64)
		if err != nil {
			return nil, err
		}
		flights = append(flights, flight{time: row[0], delay: delay, origin: row[3]})
	}
	return flights, nil
}

// count counts a flight in one transaction: the board never sees one half counted.
func count(ctx context.Context, board *ponos.Map, flight flight) error {
	txn := board.Txn().Incr(flight.origin+"/flights", 1).Incr(flight.origin+"/delay", flight.delay)
	if flight.delay >= late {
		txn = txn.Incr(flight.origin+"/late", 1)
	}
	_, err := txn.Commit(ctx)
	return err
}

// replay counts every flight of a part.
func replay(ctx context.Context, board *ponos.Map, flights []flight, number, parts int, pace float64) error {
	start := time.Now()
	var counting sync.WaitGroup
	slots := make(chan struct{}, flying)
	failures := make(chan error, 1)
	sent := 0
	for index := number - 1; index < len(flights); index += parts {
		flight := flights[index]
		due := start.Add(time.Duration(float64(sent) / pace * float64(time.Second)))
		if early := time.Until(due); sent%8 == 0 && early > 0 {
			if _, err := board.Set(ctx, "clock", []byte(strconv.Quote(flight.time))); err != nil {
				return err
			}
			time.Sleep(early)
		}
		sent++
		slots <- struct{}{}
		counting.Go(func() {
			defer func() { <-slots }()
			if err := count(ctx, board, flight); err != nil {
				select {
				case failures <- err:
				default:
				}
			}
		})
	}
	counting.Wait()
	select {
	case err := <-failures:
		return err
	default:
	}
	_, err := board.SetAdd(ctx, "done", []byte(strconv.Quote(fmt.Sprintf("%d/%d", number, parts))))
	return err
}
