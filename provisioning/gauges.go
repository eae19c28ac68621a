package provisioning

import "sync"

// SignInLogQueue is how far the sign-in log of this process is behind.
type SignInLogQueue struct {
	Waiting int64 // entries that are not written yet; attempts that a flood leaves out are none
	Dropped int64 // attempts that were counted and not kept, since the start, because the database did not take them in time
}

// SignInLogQueue says how far the sign-in log is behind.
func (s *Service) SignInLogQueue() SignInLogQueue {
	s.signIns.mu.Lock()
	defer s.signIns.mu.Unlock()
	return SignInLogQueue{Waiting: int64(s.signIns.queued()), Dropped: s.signIns.dropped}
}

// EndedJobs is how many jobs of a kind have ended in this process.
type EndedJobs struct {
	Kind         string
	Done, Failed int64
}

// jobTally counts ends of jobs. Its zero value is ready.
type jobTally struct {
	mu    sync.Mutex
	ended map[string]EndedJobs // by kind
}

func (t *jobTally) count(kind string, failed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended == nil {
		t.ended = map[string]EndedJobs{}
	}
	sum := t.ended[kind]
	if failed {
		sum.Failed++
	} else {
		sum.Done++
	}
	t.ended[kind] = sum
}

// EndedJobs says, for every kind, how many jobs have ended in this process.
func (s *Service) EndedJobs() []EndedJobs {
	s.jobs.mu.Lock()
	defer s.jobs.mu.Unlock()
	var list []EndedJobs
	for _, kind := range []string{JobDropHoldings, JobUndo, JobExportUsers, JobImportCatalog} {
		sum := s.jobs.ended[kind]
		sum.Kind = kind
		list = append(list, sum)
	}
	return list
}
