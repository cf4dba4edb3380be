package probe

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// errLineTooLong says that the other side sent more than a line may have. What follows cannot be understood.
var errLineTooLong = errors.New("line too long")

// controlStream reads and writes lines. One goroutine may read while others write.
type controlStream struct {
	stream io.ReadWriteCloser
	reader *bufio.Reader
	line   []byte

	mu sync.Mutex // serializes writes
}

func newControlStream(stream io.ReadWriteCloser) *controlStream {
	return &controlStream{stream: stream, reader: bufio.NewReaderSize(stream, 4<<10)}
}

// readLine returns the next line without its end. It is valid until the next call.
func (s *controlStream) readLine(limit int) ([]byte, error) {
	s.line = s.line[:0]
	for {
		piece, err := s.reader.ReadSlice('\n')
		if len(s.line)+len(piece) > limit {
			return nil, errLineTooLong
		}
		s.line = append(s.line, piece...)
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err == io.EOF && len(s.line) > 0 {
			return nil, io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, err
		}
		return s.line[:len(s.line)-1], nil
	}
}

// write sends one frame.
func (s *controlStream) write(f frame) error {
	line, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("encode frame: %w", err)
	}
	return s.writeLines(append(line, '\n'))
}

// writeLines sends whole lines. A side that does not read for writeWait is given up: half a line cannot be taken back,
// so the stream is closed.
func (s *controlStream) writeLines(lines []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	stop := time.AfterFunc(writeWait, func() { s.stream.Close() })
	defer stop.Stop()
	_, err := s.stream.Write(lines)
	if err != nil {
		s.stream.Close()
	}
	return err
}

// beat sends heartbeats until ctx ends or the stream does.
func (s *controlStream) beat(ctx context.Context, interval time.Duration) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if s.write(frame{Type: frameHeartbeat}) != nil {
				return
			}
		}
	}
}
