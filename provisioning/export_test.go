package provisioning

import "context"

// ExportUsersStep is one batch of an export, for a test that breaks off after it.
var ExportUsersStep = (*Service).exportUsers

// VerifyWhile verifies a link for which meanwhile happens just after it was held
// against the keys that are known, for a test of what arrives at that instant.
func (s *Service) VerifyWhile(ctx context.Context, in Arrival, meanwhile func()) error {
	kept := s.keySets.kept.Load()
	v, err := s.verifyKnown(ctx, in)
	meanwhile()
	_, err = s.verifyWithSets(ctx, in, v, err, kept)
	return err
}
