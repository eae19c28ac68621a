package admins

// commonWords are what people choose most often, alone or with something behind
// it, in lower case and with letters for the signs that stand for them.
var commonWords = []string{
	"password", "passwort", "passwd", "passw", "pass", "kennwort", "geheim", "motdepasse", "contrasena", "senha",
	"secret", "admin", "administrator", "root", "user", "guest", "test", "testing", "tester", "demo", "default", "login",
	"logmein", "letmein", "welcome", "willkommen", "bienvenue", "hello", "hallo", "changeme", "change", "access",
	"master", "server", "system", "computer", "internet", "network", "office", "company", "business", "work",
	"usher", "website", "online", "google", "apple", "amazon", "facebook", "microsoft", "windows", "linux", "samsung",
	"iloveyou", "ilove", "love", "lovely", "lover", "loveme", "forever", "sweet", "honey", "baby", "angel", "princess",
	"prince", "queen", "king", "lucky", "happy", "smile", "friend", "friends", "family", "mother", "father", "daddy",
	"mommy", "sister", "brother", "football", "fussball", "soccer", "baseball", "basketball", "hockey", "tennis", "golf",
	"sport", "sports", "player", "gamer", "game", "games", "play", "monkey", "dragon", "tiger", "lion", "eagle", "horse",
	"bear", "wolf", "shark", "panther", "snoopy", "mickey", "donald", "batman", "superman", "spiderman", "pokemon",
	"starwars", "matrix", "ninja", "samurai", "killer", "hunter", "warrior", "ranger", "shadow", "ghost", "phoenix",
	"magic", "merlin", "wizard", "freedom", "liberty", "peace", "jesus", "christ", "heaven", "hell", "devil", "summer",
	"winter", "spring", "autumn", "herbst", "sommer", "fruhling", "sunshine", "sunny", "sun", "moon", "star", "flower",
	"rainbow", "orange", "banana", "cherry", "cookie", "chocolate", "coffee", "pepper", "ginger", "silver", "golden",
	"gold", "diamond", "purple", "yellow", "green", "black", "white", "blue", "red", "mustang", "ferrari", "porsche",
	"mercedes", "yamaha", "honda", "harley", "corvette", "chelsea", "arsenal", "liverpool", "barcelona", "madrid",
	"london", "paris", "berlin", "moscow", "newyork", "dallas", "boston", "chicago", "america", "canada", "germany",
	"france", "russia", "china", "india", "brazil", "michael", "michelle", "jennifer", "jessica", "ashley", "amanda",
	"nicole", "daniel", "andrew", "joshua", "matthew", "thomas", "robert", "william", "jordan", "taylor", "charlie",
	"george", "maggie", "buster", "hannah", "anthony", "justin", "andrea", "alexander", "samantha", "maria", "anna",
	"peter", "martin", "david", "john", "james", "jack", "january", "february", "march", "april", "may", "june", "july",
	"august", "september", "october", "november", "december", "monday", "tuesday", "wednesday", "thursday", "friday",
	"saturday", "sunday", "trustnoone", "trustno", "whatever", "nothing", "something", "qwerty", "azerty", "qwertz",
	"asdf", "zxcv", "qaz", "abc", "xyz", "foobar", "foo", "bar", "blink", "cheese", "biteme", "super", "mega", "ultra",
	"hacker", "private", "security", "secure", "safety", "money", "dollar", "rich", "number", "one", "my", "the", "me",
}
