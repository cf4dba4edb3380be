package probe

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// The control protocol is how a runner talks to an agent: over one stream of bytes, such as a forwarded connection to
// the agent's loopback port, or the standard input and output of its process. Each side sends frames; a frame is one
// JSON object in one line of at most [MaxControlLine] bytes.
//
// The handshake proves to each side that the other knows the run's token, without sending it. A side that has no
// token asks for no proof.
//
//	agent   {"type":"greeting","version":1,"challenge":"…"}
//	runner  {"type":"hello","version":1,"challenge":"…","proof":"…"}
//	agent   {"type":"welcome","proof":"…","agent":{"instance":"…","listening":["8080/TCP"],…}}
//
// From then on the runner asks and the agent answers. Each request has an id of the runner's choice, which comes back
// in the answers; requests can overlap.
//
//	run        batch, attempts      accepted                  begins to make the attempts
//	collect    batch, after         result …, trailer         streams the results after that sequence number
//	leave      of (an id)           done                      ends the answers to that collect
//	forget     batch, after         done                      drops the results up to that sequence number
//	cancel     batch, or none: all  done                      ends the attempts; what is undecided becomes Error
//	held                            held                  how many connections are held, see Attempt.Hold
//	release                         done                  all that are held ask their second question now
//	evidence   question             evidence                  what arrived here, and the kernel's tables
//	counters                        counters                  the kernel's counters alone
//
// A request that fails is answered by an error frame with a code and a message for people; so is a line that is no
// frame, without id. The runner's batch names are its own: to run a batch whose name the agent knows already is
// accepted and makes no attempt again. A batch belongs to the agent, not to the stream. When the stream breaks, the
// attempts go on, and their results are kept until the runner forgets them. On a new stream it collects after the
// last sequence number that it has seen: nothing is repeated, nothing is lost. The welcome names the instance of the
// agent: another one has lost the batches of the one before.
//
// Each batch numbers its results from 1. The trailer states their count and follows the last of them: a collection
// without trailer is unfinished, whatever came before.
//
// Two agents prove together who refused a doubtful attempt: the runner reads the destination's counters, lets the
// source make this attempt alone, and reads the counters again ([Destination.InQuietRound]).
//
// Each side sends a heartbeat at the interval that the welcome states. A side that hears nothing for several intervals
// closes the stream.
const ControlVersion = 1

// Bounds of the protocol.
const (
	// MaxControlLine bounds a line, in bytes, with its end.
	MaxControlLine = 1 << 20
	// MaxRunAttempts bounds the attempts of one run request. A [Batch] takes more requests where it must.
	MaxRunAttempts = 2048
	// maxHandshakeLine bounds the lines of a side that has proven nothing yet.
	maxHandshakeLine = 4 << 10
	// maxBatchName bounds the name of a batch.
	maxBatchName = 64
	// handshakeWait bounds the whole handshake, and writeWait the writing of one line.
	handshakeWait = 10 * time.Second
	writeWait     = 10 * time.Second
	// silentHeartbeats is how many intervals without a line mean that the other side is gone.
	silentHeartbeats = 4
)

// frameType says what a frame is.
type frameType string

const (
	frameGreeting  frameType = "greeting"
	frameHello     frameType = "hello"
	frameWelcome   frameType = "welcome"
	frameRun       frameType = "run"
	frameAccepted  frameType = "accepted"
	frameCollect   frameType = "collect"
	frameResult    frameType = "result"
	frameTrailer   frameType = "trailer"
	frameLeave     frameType = "leave"
	frameForget    frameType = "forget"
	frameCancel    frameType = "cancel"
	frameDone      frameType = "done"
	frameHeld      frameType = "held"
	frameRelease   frameType = "release"
	frameEvidence  frameType = "evidence"
	frameCounters  frameType = "counters"
	frameHeartbeat frameType = "heartbeat"
	frameError     frameType = "error"
)

// frame is any line of the protocol. Each type uses the fields that the table above names.
type frame struct {
	Type frameType `json:"type"`
	ID   uint64    `json:"id,omitempty"`

	Version   int    `json:"version,omitempty"`
	Challenge string `json:"challenge,omitempty"`
	Proof     string `json:"proof,omitempty"`
	Agent     *Agent `json:"agent,omitempty"`

	Batch    string    `json:"batch,omitempty"`
	Attempts []Attempt `json:"attempts,omitempty"`
	After    int       `json:"after,omitempty"`
	Of       uint64    `json:"of,omitempty"`

	// Sequence is the number of a result in its batch, Index that of its attempt in the run request, from 0.
	Sequence int             `json:"sequence,omitempty"`
	Index    int             `json:"index,omitempty"`
	Result   json.RawMessage `json:"result,omitempty"`
	Count    int             `json:"count,omitempty"`

	Question *EvidenceQuestion `json:"question,omitempty"`
	Evidence *Evidence         `json:"evidence,omitempty"`
	Counters *Counters         `json:"counters,omitempty"`

	Code    ControlCode `json:"code,omitempty"`
	Message string      `json:"message,omitempty"`
}

// Agent is how an agent introduces itself.
type Agent struct {
	// Instance names this run of the program. Batches do not outlive it.
	Instance string `json:"instance"`
	// Version is the program's.
	Version  string   `json:"version,omitempty"`
	Identity Identity `json:"identity"`
	// Listening are the ports that the agent's responder answers on, Unsupported those that it should and whose
	// protocol the kernel lacks.
	Listening   []Port `json:"listening,omitempty"`
	Unsupported []Port `json:"unsupported,omitempty"`
	// Heartbeat is the interval between two heartbeats.
	Heartbeat time.Duration `json:"heartbeatNs"`
	// Capacity bounds the attempts under way and the results kept, together. More are refused with CodeBusy.
	Capacity int `json:"capacity"`
}

// ControlCode says why an agent refused a request.
type ControlCode string

// The codes.
const (
	CodeMalformed    ControlCode = "malformed"     // the line is no frame, or not one that can be sent now
	CodeTooLarge     ControlCode = "too-large"     // the line or a list in it is too long
	CodeVersion      ControlCode = "version"       // the sides speak different versions
	CodeUnauthorized ControlCode = "unauthorized"  // the proof is not one of this run's token
	CodeBusy         ControlCode = "busy"          // the agent holds as much as it can: collect or cancel first
	CodeUnknownBatch ControlCode = "unknown-batch" // the agent does not know this batch, or no longer
	CodeUnavailable  ControlCode = "unavailable"   // the kernel's tables could not be read
)

// ControlError is an agent's refusal of a request.
type ControlError struct {
	Code    ControlCode
	Message string
}

// Error implements error.
func (e *ControlError) Error() string {
	return fmt.Sprintf("agent refuses (%s): %s", e.Code, e.Message)
}

func refusal(code ControlCode, format string, args ...any) *ControlError {
	return &ControlError{Code: code, Message: fmt.Sprintf(format, args...)}
}

// parseFrame reads one line.
func parseFrame(line []byte) (frame, error) {
	var f frame
	if err := json.Unmarshal(line, &f); err != nil {
		return frame{}, fmt.Errorf("parse frame: %w", err)
	}
	if f.Type == "" {
		return frame{}, errors.New("parse frame: it has no type")
	}
	return f, nil
}

const (
	clientPurpose = "podknock control 1, runner"
	serverPurpose = "podknock control 1, agent"
)

// newChallenge returns a text that was never used before.
func newChallenge() string {
	a, b := NewNonce(), NewNonce()
	return a.String() + b.String()
}

// controlProof proves that one side knows the token. Both challenges are in it, so that neither side can be made to
// prove something to a third.
func controlProof(token Token, purpose, agentChallenge, runnerChallenge string) string {
	if token == "" {
		return ""
	}
	sum := token.sign(purpose, []byte(agentChallenge), []byte{0}, []byte(runnerChallenge))
	return hex.EncodeToString(sum[:])
}

// provesControl tells whether the other side's proof is good enough for one that has this token.
func provesControl(token Token, proof, purpose, agentChallenge, runnerChallenge string) bool {
	if token == "" {
		return true
	}
	return Token(controlProof(token, purpose, agentChallenge, runnerChallenge)).Equal(Token(proof))
}
