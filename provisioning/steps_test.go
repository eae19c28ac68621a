package provisioning

// readToken takes the first steps of Verify, those that look at the token alone.
func readToken(text string, limit int) (token, error) {
	v := verification{link: Link{Token: text, Limit: limit}}
	for s := range stepIntegration {
		if err := v.take(s); err != nil {
			return token{}, err
		}
	}
	return v.token, nil
}

// readHeader takes the two steps that look at the header.
func (t *token) readHeader(text string) error {
	t.header = text
	if err := t.readMembers(); err != nil {
		return err
	}
	return t.readAlgorithm()
}
