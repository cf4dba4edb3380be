package policy

// level is the answer to "does this match?" in three-valued logic. Its order is that of conviction: or is the maximum, and the minimum.
type level uint8

const (
	no level = iota
	maybe
	yes
)

// answer is a level and, for maybe, what it depends on. The same doubt in two terms is not correlated: an answer is maybe at worst where the
// plugins agree, never certain where they differ.
type answer struct {
	level  level
	doubts doubtSet
}

// perhaps is a maybe for the given reasons.
func perhaps(doubts doubtSet) answer { return answer{level: maybe, doubts: doubts} }

// certain is yes or no.
func certain(match bool) answer {
	if match {
		return answer{level: yes}
	}
	return answer{level: no}
}

func (a answer) or(b answer) answer {
	switch {
	case a.level > b.level:
		return a
	case b.level > a.level:
		return b
	}
	return answer{level: a.level, doubts: a.doubts | b.doubts}
}

func (a answer) and(b answer) answer {
	switch {
	case a.level < b.level:
		return a
	case b.level < a.level:
		return b
	}
	return answer{level: a.level, doubts: a.doubts | b.doubts}
}

// either is the answer where a or b is asked, nobody knows which: in doubt unless they agree.
func (a answer) either(b answer, doubt doubtSet) answer {
	if a.level == b.level && a.level != maybe {
		return a
	}
	return perhaps(a.doubts | b.doubts | doubt)
}

// onlyIf keeps a match that exists on plugins with the trait only.
func (a answer) onlyIf(trait Trait, doubt doubtSet) answer {
	if a.level == no || trait == Yes {
		return a
	}
	if trait == No {
		return answer{level: no}
	}
	return perhaps(a.doubts | doubt)
}

// unlessFree lets everything pass on plugins without the trait, where a is the answer of those that have it.
func (a answer) unlessFree(trait Trait, doubt doubtSet) answer {
	if a.level == yes || trait == Yes {
		return a
	}
	if trait == No {
		return answer{level: yes}
	}
	return perhaps(a.doubts | doubt)
}

// verdict is what an answer to "is it admitted?" means.
func (a answer) verdict() Verdict {
	switch a.level {
	case yes:
		return Allow
	case maybe:
		return Depends
	}
	return Deny
}

// doubtSet is a set of Doubts, one bit each, in the order of doubtOrder.
type doubtSet uint16

const (
	doubtHostNetwork doubtSet = 1 << iota
	doubtPodBlock
	doubtNodeBlock
	doubtServiceBlock
	doubtAddress
	doubtHairpin
	doubtOwnNode
	doubtNodeUnknown
	doubtSource
	doubtPortName
	doubtBackend
	doubtNoBackend
	doubtUnread
)

var doubtOrder = [...]Doubt{
	DoubtHostNetwork, DoubtPodBlock, DoubtNodeBlock, DoubtServiceBlock, DoubtAddress, DoubtHairpin, DoubtOwnNode, DoubtNodeUnknown,
	DoubtSource, DoubtPortName, DoubtBackend, DoubtNoBackend, DoubtUnread,
}

// list spells the set out in a fixed order; nil if it is empty.
func (s doubtSet) list() []Doubt {
	var doubts []Doubt
	for i, doubt := range doubtOrder {
		if s&(1<<i) != 0 {
			doubts = append(doubts, doubt)
		}
	}
	return doubts
}
