//go:build linux

package contest

// All are the contestants, in the order of the tables. The first one is what the others
// are compared with.
func All() []*Contestant {
	return []*Contestant{
		rawTCP(),
		rawInline(),
		tidewire(),
		tidewireMessages(),
		tidewireServe(),
		tidewireNetConn(),
		tidewireAppend(),
		tidewireTrust(),
		tidewireBetter(),
		gorillaContestant(),
		coderContestant(),
		gobwasContestant(),
		gobwasHelpers(),
		gwsContestant(),
		nbioContestant(),
		nbioInline(),
		nbioBlocking(),
	}
}

// Find gives a contestant by its name; nil if there is none.
func Find(name string) *Contestant {
	for _, c := range All() {
		if c.Name == name {
			return c
		}
	}
	return nil
}
